package import VarveWire

/// A producer as its batches name it.
package struct ProducerIdentity: Hashable, Sendable {
    package var id: Int64
    package var epoch: Int16

    package init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }
}

/// A partition that takes part in a transaction.
package struct TransactionPartition: Hashable, Comparable, Sendable {
    package var topic: String
    package var index: Int32

    package init(topic: String, index: Int32) {
        self.topic = topic
        self.index = index
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.index) < (right.topic, right.index)
    }
}

/// How the client runs its transactions. Source: Kafka's TransactionVersion.
package enum TransactionProtocol: Int16, Comparable, Sendable {
    /// Partitions are added before they are written to, and one epoch serves many transactions.
    case classic = 0
    /// The broker adds partitions as they are written to, and each transaction has an epoch of its
    /// own, so that no late batch of one gets into the next (KIP-890).
    case epochPerTransaction = 2

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// How one transactional id stands: what `__transaction_state` keeps of it.
///
/// A value: each verb gives the state after it, which counts when it is in the log. No I/O, no
/// clock. Times in milliseconds since 1970.
package struct Transaction: Equatable, Sendable {
    package let id: String
    package internal(set) var producer: ProducerIdentity
    /// The producer id before this one, -1 without one: by it a retry over the change is known.
    package internal(set) var previousID: Int64 = -1
    /// The producer id to go on with after the transaction, where epochs are used up; else -1.
    package internal(set) var nextID: Int64 = -1
    /// The epoch before this one, given to the same client: its retries are told the current one.
    /// -1 where that is fenced, and after a restart. Source: KIP-360.
    package internal(set) var previousEpoch: Int16 = -1
    /// How long a transaction may take.
    package internal(set) var timeout: Int32
    package internal(set) var phase = TransactionPhase.empty
    /// Those that take part, or whose markers are missing.
    package internal(set) var partitions: Set<TransactionPartition> = []
    /// When the transaction began, -1 outside of one.
    package internal(set) var startTime: Int64 = -1
    package internal(set) var updateTime: Int64
    package internal(set) var clientProtocol = TransactionProtocol.classic

    /// A new transactional id, whose producer begins with epoch 0.
    package init(id: String, producerID: Int64, timeout: Int32, at now: Int64) {
        self.id = id
        producer = ProducerIdentity(id: producerID, epoch: 0)
        self.timeout = timeout
        updateTime = now
    }

    /// With the next bump this epoch would be the last there is, which only fences. Source:
    /// Kafka's TransactionMetadata.isEpochExhausted.
    package static func isExhausted(_ epoch: Int16) -> Bool { epoch >= Int16.max - 1 }

    // MARK: InitProducerId

    package enum Initialization: Equatable {
        case refused(ErrorCode)
        /// The producer may begin with what this state says.
        case ready(Transaction)
        /// The transaction of the producer before is aborted first; ask again then.
        case abortsFirst(Transaction)
    }

    /// A producer begins: fences the one before by a new epoch, and aborts its transaction.
    /// - Parameter expected: what the producer had, where it only wants its epoch raised.
    /// - Parameter newID: gives out a producer id that nobody had.
    package func initialized(
        by expected: ProducerIdentity?, timeout: Int32, at now: Int64,
        newID: () throws(TransactionFailure) -> Int64
    ) throws(TransactionFailure) -> Initialization {
        if phase.isPrepared { return .refused(.concurrentTransactions) }
        if phase == .ongoing {
            // A producer that was fenced must not end what its successor has begun.
            if let expected, expected != producer { return .refused(.producerFenced) }
            return .abortsFirst(fenced(at: now, keepsClient: expected != nil))
        }
        var next = self
        next.phase = .empty
        next.timeout = timeout
        next.updateTime = now
        if let expected, expected != producer {
            let isRetry =
                expected.id == producer.id
                ? expected.epoch == previousEpoch
                : expected.id == previousID && Self.isExhausted(expected.epoch)
            // The answer to its first try was lost: nobody else got this epoch.
            return isRetry && expected.epoch >= 0 ? .ready(self) : .refused(.producerFenced)
        }
        next.previousEpoch = expected?.epoch ?? -1
        if Self.isExhausted(producer.epoch) {
            next.previousID = producer.id
            next.producer = ProducerIdentity(id: try newID(), epoch: 0)
        } else {
            next.producer.epoch += 1
        }
        return .ready(next)
    }

    /// The transaction is to be aborted, and whoever ran it is locked out by a new epoch.
    /// - Parameter keepsClient: the same client asked for it, and may go on with that epoch.
    private func fenced(at now: Int64, keepsClient: Bool) -> Transaction {
        var next = self
        next.previousEpoch = keepsClient ? producer.epoch : -1
        if producer.epoch < Int16.max { next.producer.epoch += 1 }
        next.phase = .prepareAbort
        next.updateTime = now
        return next
    }

    // MARK: Partitions

    /// Why `producer` cannot write in a transaction of this id now; nil where it can.
    package func refusal(of producer: ProducerIdentity) -> ErrorCode? {
        if producer.id != self.producer.id { return .invalidProducerIdMapping }
        if producer.epoch != self.producer.epoch { return .producerFenced }
        return phase.isPrepared ? .concurrentTransactions : nil
    }

    /// Whether the partition takes part in the transaction that is open now.
    package func contains(_ partition: TransactionPartition) -> Bool {
        phase == .ongoing && partitions.contains(partition)
    }

    /// Partitions take part from now on; the first ones begin the transaction. The state itself
    /// where they do already.
    package func adding(
        _ added: some Sequence<TransactionPartition>, by producer: ProducerIdentity,
        _ clientProtocol: TransactionProtocol, countMax: Int, at now: Int64
    ) -> Result<Transaction, TransactionFailure> {
        if let code = refusal(of: producer) { return .failure(TransactionFailure(code)) }
        var next = self
        if phase != .ongoing {
            next.phase = .ongoing
            next.partitions = []
            next.startTime = now
        }
        next.partitions.formUnion(added)
        let isNew = next.phase != phase || next.partitions.count > partitions.count
        guard isNew else { return .success(self) }
        guard next.partitions.count <= countMax else {
            return .failure(
                TransactionFailure(
                    .policyViolation, "a transaction takes \(countMax) partitions at most"))
        }
        next.clientProtocol = clientProtocol
        next.updateTime = now
        return .success(next)
    }

    // MARK: EndTxn

    package enum Ending: Equatable {
        case refused(ErrorCode)
        /// It was ended so before: the first answer was lost.
        case done
        /// Decided, once this is durable.
        case prepared(Transaction)
    }

    /// The client commits or aborts. Source: Kafka's TransactionCoordinator.endTransaction.
    package func ended(
        commits: Bool, by producer: ProducerIdentity, _ clientProtocol: TransactionProtocol,
        at now: Int64, newID: () throws(TransactionFailure) -> Int64
    ) throws(TransactionFailure) -> Ending {
        let isBumping = clientProtocol >= .epochPerTransaction
        let isRetry = isBumping && isRetryOfBump(producer)
        if producer.id != self.producer.id && !isRetry {
            return .refused(.invalidProducerIdMapping)
        }
        if producer.epoch != self.producer.epoch && !isRetry { return .refused(.producerFenced) }
        let outcome: TransactionPhase = commits ? .prepareCommit : .prepareAbort
        switch phase {
        case .ongoing where !isRetry: break
        case .ongoing: return .refused(.producerFenced)
        case .prepareCommit, .prepareAbort:
            return .refused(phase == outcome ? .concurrentTransactions : .invalidTxnState)
        case .completeCommit, .completeAbort:
            let isSame = commits == (phase == .completeCommit)
            if isSame && (isRetry || !isBumping) { return .done }
            // An abort of nothing: the client believes that it began, or wants a new epoch.
            guard isBumping, !isRetry, !commits else { return .refused(.invalidTxnState) }
        case .empty:
            guard isBumping, !isRetry, !commits else { return .refused(.invalidTxnState) }
        }
        var next = self
        if phase != .ongoing {
            next.partitions = []
            next.startTime = now
        }
        next.phase = outcome
        next.clientProtocol = clientProtocol
        next.updateTime = now
        if isBumping {
            if Self.isExhausted(producer.epoch) { next.nextID = try newID() }
            next.previousEpoch = producer.epoch
            if producer.epoch < Int16.max { next.producer.epoch += 1 }
        }
        return .prepared(next)
    }

    /// Whether `producer` is what the client had before the last transaction's end.
    private func isRetryOfBump(_ producer: ProducerIdentity) -> Bool {
        if producer.id == self.producer.id {
            return producer.epoch >= 0 && Int32(producer.epoch) + 1 == Int32(self.producer.epoch)
        }
        return producer.id == previousID && Self.isExhausted(producer.epoch)
            && self.producer.epoch == 0
    }

    /// All markers are written. Only of a state that is prepared.
    package func completed(at now: Int64) -> Transaction {
        precondition(phase.isPrepared, "only what was prepared is completed")
        var next = self
        next.phase = phase == .prepareCommit ? .completeCommit : .completeAbort
        next.partitions = []
        next.startTime = -1
        next.updateTime = now
        if nextID >= 0 {
            next.previousID = producer.id
            next.producer = ProducerIdentity(id: nextID, epoch: 0)
            next.nextID = -1
        }
        return next
    }

    // MARK: Time

    /// The abort of a transaction that has taken too long, which fences its producer; nil where
    /// there is none.
    package func expired(at now: Int64) -> Transaction? {
        guard phase == .ongoing, now - startTime > Int64(timeout) else { return nil }
        return fenced(at: now, keepsClient: false)
    }

    /// Nobody has used the id for so long, and no transaction is open.
    package func isUnused(for milliseconds: Int64, at now: Int64) -> Bool {
        phase != .ongoing && !phase.isPrepared && now - updateTime > milliseconds
    }
}

/// Why the coordinator does not do what it was asked.
package struct TransactionFailure: Error, Equatable, Sendable {
    package let code: ErrorCode
    /// For the log and, where the answer has a place for it, for the client.
    package let reason: String

    package init(_ code: ErrorCode, _ reason: String = "") {
        self.code = code
        self.reason = reason
    }
}
