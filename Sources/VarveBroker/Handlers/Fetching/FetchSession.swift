internal import VarvePlatform
internal import VarveWire

/// One partition that a Fetch asks for.
struct FetchTarget: Equatable, Sendable {
    /// The topic's name, or nothing where it is named by id.
    var topic: String
    var topicID: UniqueID
    var partition: FetchRequest.Partition
    /// What its session told the client of it last; nil where it never did, or told of an error.
    var told: FetchSession.Told?

    var key: FetchSession.Key {
        .init(topic: topic, topicID: topicID, partition: partition.partition)
    }
}

extension FetchRequest {
    /// The partitions that the request names itself, in its order.
    var targets: [FetchTarget] {
        topics.flatMap { topic in
            topic.partitions.map {
                FetchTarget(topic: topic.topic, topicID: topic.topicId, partition: $0, told: nil)
            }
        }
    }
}

/// What a client fetches again and again: so that it names only what changes, and is told only what
/// changed. A value without a clock or a lock. Source: KIP-227.
struct FetchSession: Sendable {
    struct Key: Hashable, Sendable {
        let topic: String
        let topicID: UniqueID
        let partition: Int32
    }

    /// What a client was told of a partition besides its records.
    struct Told: Equatable, Sendable {
        let highWatermark: Int64
        let lastStableOffset: Int64
        let startOffset: Int64

        init(_ outcome: FetchResponse.Partition) {
            highWatermark = outcome.highWatermark
            lastStableOffset = outcome.lastStableOffset
            startOffset = outcome.logStartOffset
        }
    }

    /// Its topics are named by id (Fetch 13 and later).
    let usesTopicIDs: Bool
    /// The epoch that the next request must have.
    private(set) var epoch: Int32
    /// In the order in which they were first named.
    private(set) var targets: [FetchTarget] = []
    private var places: [Key: Int] = [:]

    /// The session that a full request begins.
    init(_ request: FetchRequest, usesTopicIDs: Bool, epoch: Int32 = 1) {
        self.usesTopicIDs = usesTopicIDs
        self.epoch = epoch
        add(request.targets)
    }

    var isEmpty: Bool { targets.isEmpty }

    /// Takes an incremental request in: what it names comes in or is changed, what it forgets goes.
    mutating func take(_ request: FetchRequest) {
        // After the greatest epoch comes 1: 0 begins a session, -1 ends it.
        epoch = epoch == .max ? 1 : epoch + 1
        forget(request.forgottenTopicsData)
        add(request.targets)
    }

    /// Notes what a response tells of `key`; nil for an error, which is told again each time.
    mutating func note(_ told: Told?, of key: Key) {
        guard let place = places[key] else { return }
        targets[place].told = told
    }

    private mutating func add(_ added: [FetchTarget]) {
        for target in added {
            if let place = places[target.key] {
                targets[place].partition = target.partition
            } else {
                places[target.key] = targets.count
                targets.append(target)
            }
        }
    }

    private mutating func forget(_ topics: [FetchRequest.ForgottenTopic]) {
        var gone: Set<Key> = []
        for topic in topics {
            for partition in topic.partitions {
                gone.insert(
                    Key(topic: topic.topic, topicID: topic.topicId, partition: partition))
            }
        }
        guard !gone.isEmpty else { return }
        targets.removeAll { gone.contains($0.key) }
        places = [:]
        for (place, target) in targets.enumerated() { places[target.key] = place }
    }
}
