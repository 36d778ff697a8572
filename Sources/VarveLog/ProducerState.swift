internal import VarvePlatform
internal import VarveRecords

/// What a partition remembers of the producers that number their batches (KIP-98): enough to tell
/// a retry from a new batch, a gap from the next one, and which transactions are open.
///
/// Bounded (I8): producers unused for `producer.id.expiration.ms` are forgotten, and where there
/// are `producersMax` the longest unused make room, which costs those only the recognition of a
/// retry. A producer with an open transaction is never forgotten: where all have one, a batch of
/// one more producer is refused.
struct ProducerState: Sendable {
    /// Batches remembered for each producer: as many as Kafka's idempotent producer has in flight
    /// (`max.in.flight.requests.per.connection` 5).
    static let batchesMax = 5
    /// Source: Kafka's `producer.id.expiration.ms`.
    static let defaultExpiryMilliseconds: Int64 = 86_400_000
    /// Of one partition; about 300 bytes each.
    static let producersMax = 10_000

    struct Batch: Equatable, Sendable {
        var firstSequence: Int32
        var lastSequence: Int32
        var firstOffset: Int64
        var lastOffset: Int64
    }

    struct Producer: Equatable, Sendable {
        var epoch: Int16
        /// When it last appended, ms since 1970.
        var lastAppendTime: Int64
        /// Of its last marker, -1 without one: older coordinators are fenced.
        var coordinatorEpoch: Int32 = -1
        /// Of its last marker, -1 without one.
        var markerOffset: Int64 = -1
        /// The first offset of its open transaction; nil outside one.
        var transactionStart: Int64?
        /// Of this epoch, oldest first; empty when only a marker was written in it.
        var batches: [Batch] = []
    }

    struct OpenTransaction: Equatable, Sendable {
        let firstOffset: Int64
        let producerID: Int64
    }

    /// A transaction whose marker is in the log.
    struct CompletedTransaction: Equatable, Sendable {
        let producerID: Int64
        let firstOffset: Int64
        let markerOffset: Int64
        let isCommit: Bool
    }

    private(set) var producers: [Int64: Producer] = [:]
    /// By first offset.
    private(set) var openTransactions: [OpenTransaction] = []

    init() {}

    var isEmpty: Bool { producers.isEmpty }
    var count: Int { producers.count }
    /// Where the earliest open transaction begins.
    var firstOpenOffset: Int64? { openTransactions.first?.firstOffset }

    /// The last offset before `end` of each producer, by its id: where what lies behind `end` is
    /// lost to a power cut, it is the one to go on from. Nil where all batches that are remembered
    /// lie behind: which one it is before `end` is not known then.
    func lastOffsets(below end: Int64) -> [Int64: Int64?] {
        producers.mapValues { producer in
            producer.batches.last { $0.lastOffset < end }?.lastOffset
        }
    }

    // MARK: Checks

    enum Verdict: Equatable {
        case next
        /// The batch is here already, at these offsets: answer as the first time.
        case duplicate(Batch)
    }

    /// Whether `header`'s batch is its producer's next. Forgets the producer where it is expired,
    /// and changes nothing else.
    /// - Throws: `.invalidProducerEpoch`, `.outOfOrderSequence`, `.invalidTransactionState`,
    ///   `.tooManyTransactions`.
    /// A producer that is not known (new, or expired) may begin with any sequence, as in Kafka.
    /// Source: Kafka's ProducerAppendInfo and UnifiedLog.analyzeAndValidateProducerState.
    mutating func check(
        _ header: RecordBatchHeader, now: Int64, expiryMilliseconds: Int64
    ) throws(LogError) -> Verdict {
        guard let producer = producers[header.producerID],
            !producer.isExpired(now: now, expiryMilliseconds: expiryMilliseconds)
        else {
            producers[header.producerID] = nil
            try checkRoom()
            return .next
        }
        try check(header.producerEpoch, of: header.producerID, producer)
        if header.producerEpoch == producer.epoch {
            let same = producer.batches.last {
                $0.firstSequence == header.baseSequence && $0.lastSequence == header.lastSequence
            }
            if let same { return .duplicate(same) }
        }
        let expected = producer.nextSequence(epoch: header.producerEpoch)
        guard header.baseSequence == expected else {
            throw .outOfOrderSequence(
                producerID: header.producerID, expected: expected, found: header.baseSequence)
        }
        guard producer.transactionStart == nil || header.attributes.isTransactional else {
            throw .invalidTransactionState(producerID: header.producerID)
        }
        return .next
    }

    /// Whether a marker of this coordinator may end the producer's transaction.
    /// - Throws: `.invalidProducerEpoch`, `.coordinatorFenced`, `.tooManyTransactions`.
    func check(
        _ marker: TransactionMarker, producerID: Int64, epoch: Int16
    ) throws(LogError) {
        guard let producer = producers[producerID] else { return try checkRoom() }
        try check(epoch, of: producerID, producer)
        guard marker.coordinatorEpoch >= producer.coordinatorEpoch else {
            throw .coordinatorFenced(
                current: producer.coordinatorEpoch, found: marker.coordinatorEpoch)
        }
    }

    private func check(
        _ epoch: Int16, of producerID: Int64, _ producer: Producer
    ) throws(LogError) {
        guard epoch >= producer.epoch else {
            throw .invalidProducerEpoch(
                producerID: producerID, current: producer.epoch, found: epoch)
        }
    }

    /// Whether one more producer has room, or can be given some.
    private func checkRoom() throws(LogError) {
        guard openTransactions.count < Self.producersMax else {
            throw .tooManyTransactions(countMax: Self.producersMax)
        }
    }

    // MARK: Appended

    /// Remembers a batch that was appended. `header` has its final offsets.
    /// - Parameter marker: what a control batch says; nil for others.
    /// - Returns: the transaction that the marker ends, if there was one.
    @discardableResult
    mutating func note(
        _ header: RecordBatchHeader, _ marker: TransactionMarker?, appendTime: Int64
    ) -> CompletedTransaction? {
        guard header.hasProducer else { return nil }
        if header.attributes.isControl {
            return marker.flatMap { note($0, header, appendTime: appendTime) }
        }
        guard header.baseSequence >= 0 else { return nil }
        let batch = Batch(
            firstSequence: header.baseSequence, lastSequence: header.lastSequence,
            firstOffset: header.baseOffset, lastOffset: header.lastOffset)
        let begins = edit(header, appendTime: appendTime) { producer in
            if producer.batches.count == Self.batchesMax { producer.batches.removeFirst() }
            producer.batches.append(batch)
            guard header.attributes.isTransactional, producer.transactionStart == nil else {
                return false
            }
            producer.transactionStart = header.baseOffset
            return true
        }
        if begins {
            openTransactions.append(
                OpenTransaction(firstOffset: header.baseOffset, producerID: header.producerID))
        }
        return nil
    }

    private mutating func note(
        _ marker: TransactionMarker, _ header: RecordBatchHeader, appendTime: Int64
    ) -> CompletedTransaction? {
        let start = edit(header, appendTime: appendTime) { producer in
            producer.coordinatorEpoch = marker.coordinatorEpoch
            producer.markerOffset = header.lastOffset
            defer { producer.transactionStart = nil }
            return producer.transactionStart
        }
        guard let start else { return nil }
        openTransactions.removeAll { $0.firstOffset == start }
        return CompletedTransaction(
            producerID: header.producerID, firstOffset: start, markerOffset: header.lastOffset,
            isCommit: marker.isCommit)
    }

    /// Changes the batch's producer, who is made where there is none. A new epoch forgets the
    /// batches of the old one.
    private mutating func edit<Result>(
        _ header: RecordBatchHeader, appendTime: Int64, _ body: (inout Producer) -> Result
    ) -> Result {
        let id = header.producerID
        if producers[id] == nil, producers.count >= Self.producersMax {
            forgetLongestUnused(Self.producersMax / 10)
        }
        let new = Producer(epoch: header.producerEpoch, lastAppendTime: appendTime)
        func change(_ producer: inout Producer) -> Result {
            producer.lastAppendTime = max(producer.lastAppendTime, appendTime)
            if producer.epoch != header.producerEpoch {
                producer.epoch = header.producerEpoch
                producer.batches = []
            }
            return body(&producer)
        }
        return change(&producers[id, default: new])
    }

    // MARK: Forgotten

    /// Forgets producers whose last append is older than `expiryMilliseconds`, unless their
    /// transaction is open.
    mutating func expire(now: Int64, expiryMilliseconds: Int64) {
        for (id, producer) in producers
        where producer.isExpired(now: now, expiryMilliseconds: expiryMilliseconds) {
            producers[id] = nil
        }
    }

    /// Forgets about `count` producers, those that have not appended for the longest time.
    mutating func forgetLongestUnused(_ count: Int) {
        var idle: [(id: Int64, time: Int64)] = []
        for (id, producer) in producers where producer.transactionStart == nil {
            idle.append((id, producer.lastAppendTime))
        }
        idle.sort { $0.time < $1.time }
        for (id, _) in idle.prefix(count) { producers[id] = nil }
    }

    /// The state that holds `producers`, as a file gave them.
    init(restoring producers: [Int64: Producer]) {
        self.producers = producers
        openTransactions = producers.compactMap { id, producer in
            producer.transactionStart.map { OpenTransaction(firstOffset: $0, producerID: id) }
        }.sorted { $0.firstOffset < $1.firstOffset }
    }
}

extension ProducerState.Producer {
    fileprivate func isExpired(now: Int64, expiryMilliseconds: Int64) -> Bool {
        transactionStart == nil && now - lastAppendTime > expiryMilliseconds
    }

    /// The sequence its next batch must have. After 2^31-1 comes 0, and a new epoch begins with 0
    /// (KIP-98).
    func nextSequence(epoch: Int16) -> Int32 {
        guard epoch == self.epoch, let last = batches.last, last.lastSequence != Int32.max else {
            return 0
        }
        return last.lastSequence + 1
    }
}
