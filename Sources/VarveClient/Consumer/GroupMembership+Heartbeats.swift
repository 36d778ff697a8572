internal import VarvePlatform
internal import VarveWire

extension GroupMembership {
    /// Sends heartbeats until the membership has stopped.
    func beat() async {
        var failures = 0
        while true {
            let pause =
                failures == 0
                ? configuration.heartbeatIntervalMilliseconds
                : min(
                    configuration.heartbeatIntervalMilliseconds,
                    Backoff(cluster.configuration).milliseconds(attempt: failures))
            await beatWakeup.wait(milliseconds: pause)
            let (identity, stopped) = state.withLock { state in
                let isMember = state.generation >= 0 && !state.isJoining && !state.isLost
                return (
                    isMember
                        ? GroupIdentity(
                            memberID: state.memberID, generation: state.generation,
                            instanceID: configuration.groupInstanceID) : nil,
                    state.stopped
                )
            }
            if stopped || cluster.isClosed { return }
            guard let identity else { continue }
            do throws(ClientError) {
                try await beatOnce(identity)
                failures = 0
            } catch {
                failures += 1
                cluster.configuration.logger?.debug(
                    "heartbeat failed", ["group": groupID, "error": error])
            }
        }
    }

    private func beatOnce(_ identity: GroupIdentity) async throws(ClientError) {
        var request = HeartbeatRequest()
        request.groupId = groupID
        request.memberId = identity.memberID
        request.generationId = identity.generation
        request.groupInstanceId = identity.instanceID
        // An answer that takes longer than the session is worth nothing.
        let response = try await cluster.sendToCoordinator(
            of: groupID, request,
            timeoutMilliseconds: min(
                cluster.configuration.requestTimeoutMilliseconds,
                configuration.sessionTimeoutMilliseconds)
        ).response
        // An answer about a generation that is over says nothing of this one.
        let isCurrent = state.withLock {
            $0.generation == identity.generation && $0.memberID == identity.memberID
                && !$0.isJoining
        }
        guard response.errorCode != .none && isCurrent else { return }
        switch response.errorCode {
        case .rebalanceInProgress: state.withLock { $0.mustJoin = true }
        case .unknownMemberId, .illegalGeneration:
            forgetMembership(forgetsID: response.errorCode == .unknownMemberId)
        case .fencedInstanceId:
            // Somebody with the same static name has taken our place; joining again would only
            // take it back (KIP-345).
            forgetMembership(forgetsID: true)
            state.withLock { $0.fatal = .kafka(.fencedInstanceId, "group \(groupID)") }
        case let code:
            cluster.noteCoordinatorError(code, of: groupID)
            throw .kafka(code, "heartbeat of group \(groupID)")
        }
        runWakeup.wake()
    }
}
