internal import VarveWire

/// The one place where handlers ask what a client may do. Without an authorizer each question is
/// one branch.
extension RequestContext {
    /// What the client is told if it may not do `operation` to `resource`; nil where it may. A
    /// refusal is counted and logged. From any thread.
    func refusal(_ operation: AccessOperation, _ resource: AccessResource) -> ErrorCode? {
        guard let authorizer = broker.authorizer else { return nil }
        if authorizer.allows(operation, resource, principal, from: peerHost) { return nil }
        authorizer.note(refused: operation, resource, principal, from: peerHost)
        return resource.type.refusal
    }

    /// Whether the client may do `operation` to `resource`, for answers that leave out what it may
    /// not know of. From any thread.
    func allows(_ operation: AccessOperation, _ resource: AccessResource) -> Bool {
        guard let authorizer = broker.authorizer else { return true }
        return authorizer.allows(operation, resource, principal, from: peerHost)
    }

    /// Whether the client may do `operation` to anything of `type`.
    func allowsAny(_ operation: AccessOperation, of type: ResourceType) -> Bool {
        guard let authorizer = broker.authorizer else { return true }
        return authorizer.allowsAny(operation, of: type, principal, from: peerHost)
    }

    /// What the client may do to `resource`, for answers that say so (KIP-430).
    func authorizedOperations(_ resource: AccessResource) -> Int32 {
        let all = resource.type.operations
        guard let authorizer = broker.authorizer else { return all.rawValue }
        return authorizer.operations(on: resource, principal, from: peerHost)
            .intersection(all).rawValue
    }

    /// The same of the cluster, which is told only to who may describe it.
    var authorizedClusterOperations: Int32 {
        allows(.describe, .cluster) ? authorizedOperations(.cluster) : 0
    }
}
