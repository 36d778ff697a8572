internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// CreateTopics (19): makes topics, durable before the answer. Source: KIP-4, KIP-464 (default
/// partition count), KIP-525 (configuration in the answer).
enum CreateTopicsHandler: RequestHandler {
    typealias Request = CreateTopicsRequest
    private typealias Outcome = CreateTopicsResponse.Topic

    /// A request may ask for so many topics, each of which takes several syncs.
    private static let topicsMax = 1000

    static func handle(
        _ request: CreateTopicsRequest, context: RequestContext
    ) -> Reply<CreateTopicsResponse> {
        let slot = context.slot(CreateTopicsRequest.self)
        context.broker.admin.run {
            var response = CreateTopicsResponse()
            let counts = Dictionary(request.topics.map { ($0.name, 1) }, uniquingKeysWith: +)
            // A name that stands twice is answered once, with an error, as in Kafka.
            var seen: Set<String> = []
            var plans: [Plan] = []
            for topic in request.topics where seen.insert(topic.name).inserted {
                var outcome = Outcome()
                outcome.name = topic.name
                if counts[topic.name] != 1 {
                    refuse(&outcome, .invalidRequest, "the topic stands in the request twice")
                } else if request.topics.count > topicsMax {
                    refuse(&outcome, .policyViolation, "more than \(topicsMax) topics at once")
                } else {
                    let plan = check(
                        topic, isTrial: request.validateOnly, context: context, into: &outcome)
                    if let plan { plans.append(Plan(place: response.topics.count, topic: plan)) }
                }
                response.topics.append(outcome)
            }
            make(plans, context: context, into: &response)
            slot.complete(response)
        }
        return .later
    }

    /// A topic to be made, and where its outcome stands in the response.
    private struct Plan {
        let place: Int
        let topic: NewTopic
    }

    /// What is to be made; nil where that is refused, or was only asked.
    private static func check(
        _ topic: CreateTopicsRequest.Topic, isTrial: Bool, context: RequestContext,
        into outcome: inout Outcome
    ) -> NewTopic? {
        func refuse(_ code: ErrorCode, _ text: String) -> NewTopic? {
            Self.refuse(&outcome, code, text)
            return nil
        }
        let broker = context.broker
        if !context.allows(.create, .cluster),
            let error = context.refusal(.create, .topic(topic.name))
        {
            return refuse(error, "the access rules do not let this client make the topic")
        }
        guard DataDirectory.isValidTopicName(topic.name) else {
            return refuse(.invalidTopic, "\(LogError.invalidTopicName(topic.name))")
        }
        guard !BrokerState.isInternal(topic.name) else {
            return refuse(.invalidTopic, "the broker makes this topic itself")
        }
        let partitions: Int
        switch partitionCount(topic, broker: broker) {
        case .success(let count): partitions = count
        case .failure(let problem): return refuse(problem.code, problem.text)
        }
        var overrides: [String: String] = [:]
        for config in topic.configs {
            guard let value = config.value else {
                return refuse(.invalidConfig, "\(config.name) has no value")
            }
            overrides[config.name] = value
        }
        guard isTrial else {
            return NewTopic(name: topic.name, partitions: partitions, overrides: overrides)
        }
        do throws(LogError) {
            try broker.directory.checkName(topic.name)
            let configuration = try TopicConfiguration(
                overrides: overrides, defaults: broker.topicDefaults)
            describe(configuration, partitions: partitions, context: context, into: &outcome)
            return nil
        } catch {
            return refuse(ErrorCode(error), "\(error)")
        }
    }

    /// Makes what was found right, together: their syncs overlap.
    private static func make(
        _ plans: [Plan], context: RequestContext, into response: inout CreateTopicsResponse
    ) {
        guard !plans.isEmpty else { return }
        let broker = context.broker
        let results = broker.directory.createTopics(
            plans.map(\.topic), now: broker.clock.wallMilliseconds())
        for (plan, result) in zip(plans, results) {
            switch result {
            case .success(let made):
                response.topics[plan.place].topicId = made.id
                describe(
                    made.configuration, partitions: plan.topic.partitions, context: context,
                    into: &response.topics[plan.place])
                broker.logger.info(
                    "created topic",
                    ["topic": made.name, "partitions": plan.topic.partitions])
            case .failure(let error):
                refuse(&response.topics[plan.place], ErrorCode(error), "\(error)")
            }
        }
    }

    private static func describe(
        _ configuration: TopicConfiguration, partitions: Int, context: RequestContext,
        into outcome: inout Outcome
    ) {
        // The topic is made; only its configuration is not told.
        guard context.allows(.describeConfigs, .topic(outcome.name)) else {
            outcome.topicConfigErrorCode = ResourceType.topic.refusal
            return
        }
        outcome.numPartitions = Int32(partitions)
        outcome.replicationFactor = 1
        outcome.configs = ConfigEntries.topic(configuration, broker: context.broker).map { entry in
            var config = CreateTopicsResponse.Config()
            config.name = entry.name
            config.value = entry.value
            config.configSource = entry.source.rawValue
            config.readOnly = entry.isReadOnly
            return config
        }
    }

    private struct Problem: Error {
        let code: ErrorCode
        let text: String
    }

    private static func partitionCount(
        _ topic: CreateTopicsRequest.Topic, broker: BrokerState
    ) -> Result<Int, Problem> {
        func fail(_ code: ErrorCode, _ text: String) -> Result<Int, Problem> {
            .failure(Problem(code: code, text: text))
        }
        if !topic.assignments.isEmpty {
            guard topic.numPartitions == -1, topic.replicationFactor == -1 else {
                return fail(
                    .invalidRequest, "assignments and partition count exclude each other")
            }
            let indexes = topic.assignments.map(\.partitionIndex).sorted()
            guard indexes == Array(0..<Int32(indexes.count)),
                topic.assignments.allSatisfy({ $0.brokerIds == [broker.directory.nodeID] })
            else {
                return fail(
                    .invalidReplicationAssignment,
                    "every partition from 0 on must be on broker \(broker.directory.nodeID)")
            }
            return .success(indexes.count)
        }
        guard topic.replicationFactor == -1 || topic.replicationFactor >= 1 else {
            return fail(
                .invalidReplicationFactor, "replication factor \(topic.replicationFactor)")
        }
        if topic.replicationFactor > 1 {
            // Tools that are made for clusters ask for three without a thought.
            guard broker.settings.boolean("varve.replication.factor.clamp") else {
                return fail(
                    .invalidReplicationFactor,
                    "replication factor \(topic.replicationFactor): there is one broker")
            }
            broker.logger.warning(
                "a topic gets one replica: there is one broker",
                ["topic": topic.name, "asked": topic.replicationFactor])
        }
        if topic.numPartitions == -1 { return .success(broker.settings.int("num.partitions")) }
        guard topic.numPartitions > 0 else {
            return fail(.invalidPartitions, "\(topic.numPartitions) partitions")
        }
        return .success(Int(topic.numPartitions))
    }

    private static func refuse(_ outcome: inout Outcome, _ code: ErrorCode, _ text: String) {
        outcome.errorCode = code
        outcome.errorMessage = text
        outcome.configs = nil
    }
}
