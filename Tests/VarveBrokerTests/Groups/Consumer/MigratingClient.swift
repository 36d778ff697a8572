import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// What a client of `MigrationWorld` is told.
struct MigratingAnswer {
    enum Content {
        case beat(Result<ConsumerAnswer, ConsumerRefusal>)
        case join(JoinAnswer)
        case sync(SyncAnswer)
        case commit(String, Int32, Int64, ErrorCode)
    }

    let client: Int
    let request: Int
    let content: Content

    init(_ client: Int, _ request: Int, _ content: Content) {
        self.client = client
        self.request = request
        self.content = content
    }
}

/// A consumer that follows either protocol to the letter. By the classic one it is eager, and has
/// nothing while it joins, or cooperative, and goes on with what it says it has.
struct MigratingClient {
    /// What it sends next.
    enum Step {
        case join
        case sync
        case beat
    }

    let number: Int
    let instanceID: String?
    let isCooperative: Bool
    private(set) var isConsumer: Bool
    private(set) var id = ""
    /// Its epoch, or generation.
    private(set) var epoch: Int32 = 0
    /// What it works on.
    var owned: PartitionSet = []
    /// What it was told to work on and has not got to yet.
    var wanted: PartitionSet?
    var names = ["a", "b"]
    var isAlive = true
    /// The request that it waits for.
    var awaited: Int?
    private(set) var step = Step.join
    /// The members that it shares the partitions out among, while it leads.
    private var led: [JoinAnswer.Member] = []
    private var lives = 0
    /// The broker died when it had told this one of a generation, and not yet what is assigned in
    /// it. Only that makes a generation durable, in Kafka too: its number may come again.
    private(set) var isDoubtful = false

    init(number: Int, instanceID: String?, isCooperative: Bool, isConsumer: Bool) {
        self.number = number
        self.instanceID = instanceID
        self.isCooperative = isCooperative
        self.isConsumer = isConsumer
        begin(isConsumer: isConsumer)
    }

    /// Another process in its place.
    mutating func begin(isConsumer: Bool) {
        lives += 1
        self.isConsumer = isConsumer
        reset(id: isConsumer ? "consumer-\(number)-\(lives)" : "")
    }

    /// It has nothing, and joins.
    private mutating func reset(id: String) {
        self.id = id
        epoch = 0
        owned = []
        wanted = nil
        awaited = nil
        led = []
        isDoubtful = false
        step = isConsumer ? .beat : .join
    }

    var isReading: Bool { step == .beat && epoch > 0 && awaited == nil && !owned.isEmpty }

    /// It gets to what it was told.
    mutating func finish() {
        guard let wanted else { return }
        owned = wanted
        self.wanted = nil
    }

    mutating func brokerDied() {
        if !isConsumer && step == .sync { isDoubtful = true }
    }

    // MARK: Requests

    /// Says everything, so that it is told everything.
    mutating func heartbeat(timeout: Int64) -> ConsumerHeartbeat {
        wanted = nil
        var request = ConsumerHeartbeat()
        request.memberID = id
        request.instanceID = instanceID
        request.epoch = epoch
        request.rebalanceTimeout = timeout
        request.topicNames = names
        request.owned = owned
        return request
    }

    mutating func join(timeout: Int64, in topics: [String: CatalogTopic]) -> GroupJoin {
        if !isCooperative { owned = [] }
        var subscription = ConsumerSubscription()
        subscription.topics = names
        subscription.generationId = epoch
        subscription.ownedPartitions = topics.map { name, topic in
            ConsumerSubscription.TopicPartitions {
                $0.topic = name
                $0.partitions = owned.filter { $0.topic == topic.id }.map(\.partition).sorted()
            }
        }
        var request = GroupJoin()
        request.memberID = id
        request.instanceID = instanceID
        request.clientID = "client-\(number)"
        request.sessionTimeout = 30_000
        request.rebalanceTimeout = timeout
        request.requiresKnownMemberID = true
        do {
            request.protocols = [
                GroupProtocol(
                    name: isCooperative ? "cooperative" : "eager",
                    metadata: try subscription.encoded())
            ]
        } catch {
            Issue.record("a subscription cannot be written: \(error)")
        }
        return request
    }

    func sync(_ topics: [String: Int]) -> GroupSync {
        var request = GroupSync()
        request.memberID = id
        request.instanceID = instanceID
        request.generation = epoch
        request.protocolType = "consumer"
        request.protocolName = isCooperative ? "cooperative" : "eager"
        if !led.isEmpty { request.assignments = assignments(topics) }
        return request
    }

    /// What a leader makes of its members' subscriptions: as many for each, who has a partition
    /// keeps it where that allows, and nobody gets what another still has.
    private func assignments(_ topics: [String: Int]) -> [String: ByteSlice] {
        let members = led.map { ($0.id, ConsumerGroup.subscription($0.metadata)) }
        var owners: [String: String] = [:]
        for (id, subscription) in members {
            for owned in subscription?.ownedPartitions ?? [] {
                for partition in owned.partitions { owners["\(owned.topic)-\(partition)"] = id }
            }
        }
        let count = topics.values.reduce(0, +)
        let share = (count + members.count - 1) / members.count
        var loads: [String: Int] = [:]
        var given: [String: [String: [Int32]]] = [:]
        for (name, count) in topics.sorted(by: { $0.key < $1.key }) {
            let readers = members.filter { $0.1?.topics.contains(name) == true }.map(\.0).sorted()
            for partition in 0..<Int32(count) where !readers.isEmpty {
                let owner = owners["\(name)-\(partition)"]
                let keeps = owner.map { readers.contains($0) && loads[$0] ?? 0 < share } ?? false
                let chosen =
                    keeps ? owner! : readers.min { loads[$0] ?? 0 < loads[$1] ?? 0 }!
                loads[chosen, default: 0] += 1
                if let owner, owner != chosen { continue }
                given[chosen, default: [:]][name, default: []].append(partition)
            }
        }
        return Dictionary(uniqueKeysWithValues: members.map { ($0.0, Self.bytes(given[$0.0])) })
    }

    private static func bytes(_ given: [String: [Int32]]?) -> ByteSlice {
        var value = ConsumerAssignment()
        value.assignedPartitions = (given ?? [:]).map { name, partitions in
            ConsumerAssignment.TopicPartitions {
                $0.topic = name
                $0.partitions = partitions
            }
        }
        do {
            return try value.encoded()
        } catch {
            Issue.record("an assignment cannot be written: \(error)")
            return ByteSlice()
        }
    }

    // MARK: Answers

    mutating func take(_ content: MigratingAnswer.Content, in topics: [String: CatalogTopic]) {
        switch content {
        case .beat(.success(let answer)):
            epoch = answer.epoch
            if let assignment = answer.assignment { wanted = assignment }
        case .beat(.failure(let refusal)): failed(refusal.error)
        case .join(let answer):
            guard answer.error == .none else { return failed(answer.error, answer.memberID) }
            id = answer.memberID
            epoch = answer.generation
            isDoubtful = false
            led = answer.leader == id ? answer.members : []
            step = .sync
        case .sync(let answer):
            guard answer.error == .none else { return failed(answer.error) }
            do {
                let assigned = try ConsumerAssignment.decode(answer.assignment)
                let catalog = TopicCatalog(version: 1, topics: topics)
                let partitions = catalog.partitions(assigned.assignedPartitions)
                // Who gives something up joins again, for others to have it.
                step = isCooperative && !owned.isSubset(of: partitions) ? .join : .beat
                owned = partitions
            } catch {
                Issue.record("an assignment cannot be read: \(error)")
            }
        case .commit: break
        }
    }

    /// The answer to a heartbeat of the classic protocol.
    mutating func heard(_ error: ErrorCode) {
        if error != .none { failed(error) }
    }

    private mutating func failed(_ error: ErrorCode, _ givenID: String = "") {
        switch error {
        case .memberIdRequired: id = givenID
        case .rebalanceInProgress: step = .join
        case .coordinatorNotAvailable, .notCoordinator, .unreleasedInstanceId: break
        case .illegalGeneration: reset(id: id)
        case .unknownMemberId where isConsumer, .fencedMemberEpoch: reset(id: id)
        case .unknownMemberId: reset(id: "")
        case .fencedInstanceId:
            // Another process has its place; this one ends, and is started again.
            begin(isConsumer: isConsumer)
        case .groupIdNotFound where isConsumer:
            // The group stays classic: its user gives up and goes back.
            begin(isConsumer: false)
        default: Issue.record("\(id) is refused: \(error)")
        }
    }

    /// Whether the group still counts on it: it is in its generation or epoch, or has joined from
    /// the one before and waits for the answer.
    func isCurrent(_ classic: Group, _ consumers: ConsumerGroup?) -> Bool {
        if isDoubtful { return false }
        let isJoining = awaited != nil && step == .join
        guard let consumers else {
            guard !isConsumer, classic.members[id] != nil else { return false }
            return epoch == classic.generation
                || classic.state != .preparingRebalance && isJoining
                    && epoch == classic.generation - 1
        }
        guard let member = consumers.members[id], isConsumer == (member.classic == nil) else {
            return false
        }
        return epoch == member.epoch || epoch == member.previousEpoch
            || !isConsumer && isJoining
    }
}
