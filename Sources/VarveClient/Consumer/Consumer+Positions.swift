internal import VarvePlatform
internal import VarveWire

// Where to start: the committed offset, else the reset policy.

extension Consumer {
    /// Asks for the group's committed offsets of partitions that have just become ours.
    func lookUpCommitted(_ versions: [TopicPartition: UInt64]) async {
        let result: Result<[TopicPartition: CommittedOffset], ClientError>
        do throws(ClientError) {
            var offsets: [TopicPartition: CommittedOffset] = [:]
            if let groupID = configuration.groupID {
                offsets = try await cluster.fetchOffsets(
                    of: groupID, versions.keys.sorted(),
                    requireStable: configuration.isolation == .readCommitted)
            }
            result = .success(offsets)
        } catch {
            result = .failure(error)
        }
        let now = cluster.now
        state.withLock { state in
            state.isLookingUpCommitted = false
            for (partition, version) in versions {
                guard state.partitions[partition]?.version == version else {
                    state.partitions[partition]?.isLookingUp = false
                    continue
                }
                state.partitions[partition]!.isLookingUp = false
                switch result {
                case .success(let offsets):
                    state.partitions[partition]!.succeeded()
                    if let offset = offsets[partition]?.offset {
                        state.partitions[partition]!.start = .at(offset)
                        state.partitions[partition]!.fetchPosition = offset
                    } else {
                        reset(partition, "no committed offset", &state)
                        if configuration.autoOffsetReset == .error {
                            state.partitions[partition]!.failed(
                                now: now, Backoff(cluster.configuration))
                        }
                    }
                case .failure(let error):
                    state.partitions[partition]!.failed(
                        now: now, Backoff(cluster.configuration))
                    if !error.isRetriable && error != .closed { state.report(error) }
                }
            }
        }
        if case .failure(let error) = result {
            cluster.configuration.logger?.debug("committed offsets unknown", ["error": error])
        }
        pollWakeup.wake()
        fetchWakeup.wake()
    }

    /// Asks a leader for the offsets to start at.
    func lookUp(
        _ queries: [TopicPartition: (version: UInt64, query: OffsetQuery)], from broker: Int32
    ) async {
        let result: Result<[TopicPartition: (ErrorCode, ListedOffset)], ClientError>
        do throws(ClientError) {
            let answers = try await cluster.listOffsets(
                queries.map { ($0.key, $0.value.query) }, from: broker,
                isolation: configuration.isolation)
            result = .success(
                Dictionary(answers.map { ($0.0, ($0.1, $0.2)) }, uniquingKeysWith: { $1 }))
        } catch {
            result = .failure(error)
        }
        let now = cluster.now
        var needsMetadata = false
        state.withLock { state in
            for (partition, asked) in queries {
                state.partitions[partition]?.isLookingUp = false
                guard state.partitions[partition]?.version == asked.version else { continue }
                var failure = ClientError.wire(.invalid("no offset for \(partition)"))
                switch result {
                case .success(let answers):
                    if let (code, listed) = answers[partition] {
                        if code == .none && listed.offset >= 0 {
                            state.partitions[partition]!.start = .at(listed.offset)
                            state.partitions[partition]!.fetchPosition = listed.offset
                            state.partitions[partition]!.succeeded()
                            continue
                        }
                        failure = .kafka(code, "offset of \(partition)")
                    }
                case .failure(let error): failure = error
                }
                state.partitions[partition]!.failed(now: now, Backoff(cluster.configuration))
                if failure.isRetriable {
                    needsMetadata = true
                } else if failure != .closed {
                    state.report(failure)
                }
            }
        }
        if needsMetadata { cluster.refreshMetadata() }
        pollWakeup.wake()
        fetchWakeup.wake()
    }
}
