import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// A request, the rights that it takes, and what is answered where the last of them is missing.
struct AccessCase: CustomTestStringConvertible, Sendable {
    struct Right: Sendable {
        let operation: AccessOperation
        let resource: AccessResource

        init(_ operation: AccessOperation, _ resource: AccessResource) {
            self.operation = operation
            self.resource = resource
        }
    }

    /// Whom to ask.
    struct Kit {
        let client: TestClient
        let broker: TestBroker

        func ask<Request: WireRequest>(
            _ version: Int16? = nil, _ fill: (inout Request) -> Void
        ) throws -> Request.Response {
            try client.ask(Request(fill), version: version)
        }

        func id(_ topic: String) throws -> UniqueID {
            try broker.state.directory.topic(topic)?.id ?? .zero
        }
    }

    let api: ApiKey
    let rights: [Right]
    let refusal: ErrorCode
    /// Sends the request and returns the codes of the answer.
    let ask: @Sendable (Kit) throws -> [ErrorCode]
    var testDescription: String {
        let rights = rights.map { "\($0.operation.name) \($0.resource.type.name)" }
        return "\(api.name): \(rights.joined(separator: ", "))"
    }

    init(
        _ api: ApiKey, _ rights: [Right], _ ask: @escaping @Sendable (Kit) throws -> [ErrorCode]
    ) {
        self.api = api
        self.rights = rights
        refusal =
            switch rights.last!.resource.type {
            case .topic: .topicAuthorizationFailed
            case .group: .groupAuthorizationFailed
            case .transactionalID: .transactionalIdAuthorizationFailed
            default: .clusterAuthorizationFailed
            }
        self.ask = ask
    }
}
