internal import VarvePlatform
internal import VarveWire

extension Cluster {
    /// The broker that coordinates a group: remembered, or asked for once.
    func coordinator(of groupID: String) async throws(ClientError) -> Int32 {
        if let known = knownCoordinator(of: groupID) { return known }
        var request = FindCoordinatorRequest()
        request.key = groupID
        request.coordinatorKeys = [groupID]
        let (response, version) = try await send(request, to: .any)
        var found = response.coordinators.first
        if version < 4 {
            found = FindCoordinatorResponse.Coordinator()
            found?.nodeId = response.nodeId
            found?.host = response.host
            found?.port = response.port
            found?.errorCode = response.errorCode
            found?.errorMessage = response.errorMessage
        }
        guard let found else { throw .kafka(.coordinatorNotAvailable, "group \(groupID)") }
        guard found.errorCode == .none else {
            throw .kafka(found.errorCode, found.errorMessage ?? "group \(groupID)")
        }
        let broker = BrokerDescription(
            id: found.nodeId, endpoint: Endpoint(host: found.host, port: Int(found.port)),
            rack: nil)
        state.withLock { state in
            state.coordinators[groupID] = broker.id
            // The coordinator may be a broker that no metadata has named yet.
            if state.metadata.broker(broker.id) == nil { state.metadata.brokers.append(broker) }
        }
        return broker.id
    }

    /// Sends a request to a group's coordinator once. A lost connection makes us look for the
    /// coordinator anew next time; so must the caller when the response says it is the wrong one
    /// (`noteCoordinatorError`).
    func sendToCoordinator<Request: WireRequest>(
        of groupID: String, _ request: Request, lane: Lane = .shared, versionMax: Int16 = .max,
        timeoutMilliseconds: Int64? = nil
    ) async throws(ClientError) -> (response: Request.Response, version: Int16) {
        let broker = try await coordinator(of: groupID)
        do throws(ClientError) {
            return try await send(
                request, to: .broker(broker), lane: lane, versionMax: versionMax,
                timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            if error.isRetriable { forgetCoordinator(of: groupID) }
            throw error
        }
    }

    /// Forgets the coordinator when `code` says that it is another broker now.
    func noteCoordinatorError(_ code: ErrorCode, of groupID: String) {
        if code == .notCoordinator || code == .coordinatorNotAvailable {
            forgetCoordinator(of: groupID)
        }
    }

    /// The coordinator as last heard.
    func knownCoordinator(of groupID: String) -> Int32? {
        state.withLock { $0.coordinators[groupID] }
    }

    func forgetCoordinator(of groupID: String) {
        state.withLock { $0.coordinators[groupID] = nil }
    }
}
