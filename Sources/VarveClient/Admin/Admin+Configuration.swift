internal import VarveWire

extension Admin {
    /// All settings of a topic, with where each comes from.
    package func topicConfiguration(
        _ topic: String
    ) async throws(ClientError) -> [ConfigurationEntry] {
        try await configuration(Self.topicResource, topic, target: .any)
    }

    /// All settings of a broker.
    package func brokerConfiguration(
        _ broker: Int32
    ) async throws(ClientError) -> [ConfigurationEntry] {
        _ = try await cluster.metadata(topics: [])
        return try await configuration(
            Self.brokerResource, String(broker), target: .broker(broker))
    }

    /// Sets some of a topic's settings and puts others back to their defaults; the rest stays.
    package func alterTopicConfiguration(
        _ topic: String, set: [String: String], remove: [String] = []
    ) async throws(ClientError) {
        var resource = IncrementalAlterConfigsRequest.Resource()
        resource.resourceType = Self.topicResource
        resource.resourceName = topic
        for (name, value) in set.sorted(by: { $0.key < $1.key }) {
            var entry = IncrementalAlterConfigsRequest.Config()
            entry.name = name
            entry.configOperation = 0  // SET (KIP-339)
            entry.value = value
            resource.configs.append(entry)
        }
        for name in remove {
            var entry = IncrementalAlterConfigsRequest.Config()
            entry.name = name
            entry.configOperation = 1  // DELETE (KIP-339)
            resource.configs.append(entry)
        }
        var request = IncrementalAlterConfigsRequest()
        request.resources = [resource]
        try await cluster.retrying { () async throws(ClientError) in
            let response = try await cluster.send(request, to: .any).response
            for result in response.responses where result.errorCode != .none {
                throw .kafka(result.errorCode, result.errorMessage ?? topic)
            }
        }
    }

    /// Kafka's numbers of resource types (ConfigResource.Type).
    private static let topicResource: Int8 = 2
    private static let brokerResource: Int8 = 4

    private func configuration(
        _ type: Int8, _ name: String, target: Cluster.Target
    ) async throws(ClientError) -> [ConfigurationEntry] {
        var resource = DescribeConfigsRequest.Resource()
        resource.resourceType = type
        resource.resourceName = name
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        request.includeDocumentation = true
        return try await cluster.retrying { () async throws(ClientError) in
            let (response, version) = try await cluster.send(request, to: target)
            guard let result = response.results.first else {
                throw .wire(.invalid("no answer for \(name)"))
            }
            guard result.errorCode == .none else {
                throw .kafka(result.errorCode, result.errorMessage ?? name)
            }
            return result.configs.map {
                ConfigurationEntry(
                    name: $0.name, value: $0.value,
                    // Version 0 says it in so many words, later ones by the source.
                    isDefault: version == 0 ? $0.isDefault : $0.configSource == 5,
                    isReadOnly: $0.readOnly, isSensitive: $0.isSensitive,
                    source: $0.configSource, documentation: $0.documentation)
            }
        }
    }
}
