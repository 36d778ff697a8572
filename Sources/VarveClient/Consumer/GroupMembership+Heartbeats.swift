internal import VarvePlatform
internal import VarveWire

// Heartbeats run on the I/O thread's timers and not in a task: a program that keeps all of Swift's
// threads busy for longer than the session must not lose its membership by it.

extension GroupMembership {
    /// Sends the next heartbeat after `milliseconds`, and then one after another until the
    /// membership has stopped.
    func beat(after milliseconds: Int64, failures: Int = 0) {
        cluster.loop.after(milliseconds: milliseconds) { [weak self] in
            self?.beatNow(failures: failures)
        }
    }

    private func beatNow(failures: Int) {
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
        guard let identity else { return beatAgain(failures: 0) }
        guard let broker = cluster.knownCoordinator(of: groupID) else {
            Task {
                // It is remembered; the next heartbeat, a moment later, goes there.
                do throws(ClientError) { _ = try await cluster.coordinator(of: groupID) } catch {
                    cluster.configuration.logger?.debug(
                        "no coordinator", ["group": groupID, "error": error])
                }
            }
            return beatAgain(failures: failures + 1)
        }
        var request = HeartbeatRequest()
        request.groupId = groupID
        request.memberId = identity.memberID
        request.generationId = identity.generation
        request.groupInstanceId = identity.instanceID
        // An answer that takes longer than the session is worth nothing.
        cluster.submit(
            request, to: .broker(broker), lane: .shared,
            timeoutMilliseconds: min(
                cluster.configuration.requestTimeoutMilliseconds,
                configuration.sessionTimeoutMilliseconds)
        ) { [weak self] result in
            self?.answered(result, identity, failures: failures)
        }
    }

    private func answered(
        _ result: Result<ResponseFrame, ClientError>, _ identity: GroupIdentity, failures: Int
    ) {
        do throws(ClientError) {
            let response = try Cluster.decode(HeartbeatRequest.self, try result.get())
            try judge(response.errorCode, identity)
            beatAgain(failures: 0)
        } catch {
            // Asking once more who it is costs little and may be the remedy.
            cluster.forgetCoordinator(of: groupID)
            cluster.configuration.logger?.debug(
                "heartbeat failed", ["group": groupID, "error": error])
            beatAgain(failures: failures + 1)
        }
    }

    private func beatAgain(failures: Int) {
        let interval = configuration.heartbeatIntervalMilliseconds
        let pause = Backoff(cluster.configuration).milliseconds(attempt: failures)
        beat(after: failures == 0 ? interval : min(interval, pause), failures: failures)
    }

    private func judge(_ code: ErrorCode, _ identity: GroupIdentity) throws(ClientError) {
        // An answer about a generation that is over says nothing of this one.
        let isCurrent = state.withLock {
            $0.generation == identity.generation && $0.memberID == identity.memberID
                && !$0.isJoining
        }
        guard code != .none && isCurrent else { return }
        switch code {
        case .rebalanceInProgress: state.withLock { $0.mustJoin = true }
        case .unknownMemberId, .illegalGeneration:
            forgetMembership(forgetsID: code == .unknownMemberId)
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
