import Testing
import VarvePlatform
import VarveSimulation
import VarveWire

@testable import VarveBroker

/// A consumer group with its clients, its network and its log, moved step by step by one seed.
///
/// Clients lag, crash, pause, change their minds and lose requests and answers; topics come, grow
/// and go; the log refuses batches, loses what it has not synced, and the broker restarts from
/// what is durable. After each step everything that must hold is checked.
struct ConsumerWorld {
    /// A client that does what the protocol asks of it, at its own pace.
    struct Client {
        var id: String
        let instanceID: String?
        var epoch: Int32 = 0
        var owned: PartitionSet = []
        /// What it was told to own and has not got to yet.
        var wanted: PartitionSet?
        var names: [String]
        var pattern: String?
        var assignor: String?
        var isAlive = true
        var isAwaiting = false
        /// Tells everything with its next heartbeat: an answer may have been lost.
        var tellsAll = true
        var ownedTold: PartitionSet?
        var subscriptionTold = false
    }

    private struct Waiting {
        let client: Int
        let id: String
        let end: Int64
        let answer: ConsumerAnswer
    }

    var random: Generator
    var clients: [Client]
    var server: ConsumerState
    var catalog: TopicCatalog
    var now: Int64 = 1_000
    /// Batches by the log's order; those below `durable` survive anything.
    var log: [[(id: ConsumerRecordID, value: ByteSlice?)]] = []
    var durable = 0
    /// The first batch since a power cut lost one and kept those behind it: with it the records
    /// fit together again. Nil where none is needed.
    private var mendedWith: Int?
    private var waiting: [Waiting] = []
    private var idNext = 0
    private var topicNext: UInt64 = 0
    private(set) var restarts = 0
    private(set) var answersLost = 0
    private(set) var handovers = 0

    static let limits: ConsumerLimits = {
        var limits = ConsumerLimits()
        limits.sessionTimeout = 45_000
        return limits
    }()

    init(seed: UInt64, clientCount: Int = 6) {
        random = Generator(seed: seed)
        server = ConsumerState(ConsumerGroup(id: "g", limits: Self.limits))
        catalog = TopicCatalog(version: 1, topics: [:])
        clients = []
        for number in 0..<clientCount {
            clients.append(
                Client(
                    id: "c\(number)", instanceID: number % 3 == 0 ? "static-\(number)" : nil,
                    names: ["t0"]))
        }
        for number in 0..<2 { changeTopic("t\(number)") }
    }

    // MARK: Steps

    mutating func step() {
        now += Int64(random.below(2_500))
        switch random.below(100) {
        case 0..<20: sync()
        case 20..<22: changeTopic("t\(random.below(4))")
        case 22..<23: loseWhatIsNotSynced()
        case 23..<25: restart()
        case 25..<35: tick()
        case 35..<37: disturb(random.below(clients.count))
        case 37..<60: deliver(losing: 15)
        default: act(random.below(clients.count), losing: 6, failing: 4)
        }
        check()
    }

    /// Everybody behaves: the group must come to rest with everything shared out.
    mutating func settle() {
        for index in clients.indices { clients[index].isAlive = true }
        for _ in 0..<80 {
            for index in clients.indices {
                act(index, losing: 0, failing: 0)
                sync()
                deliver(losing: 0)
                finish(index)
            }
            now += 3_000
            tick()
            check()
        }
    }

    private mutating func sync() {
        durable = log.count
        server.durable(Int64(durable))
    }

    private mutating func changeTopic(_ name: String) {
        var topics = catalog.topics
        if let topic = topics[name], random.below(3) > 0 {
            topics[name] = CatalogTopic(
                id: topic.id, partitionCount: min(topic.partitionCount + 1, 8))
        } else if topics[name] != nil {
            topics[name] = nil
        } else {
            topicNext += 1
            topics[name] = CatalogTopic(
                id: UniqueID(high: 9, low: topicNext), partitionCount: Int32(random.int(1...6)))
        }
        catalog = TopicCatalog(version: catalog.version + 1, topics: topics)
    }

    /// The broker's process ends and starts: what was not synced may be there or not.
    private mutating func restart() {
        restarts += 1
        let kept = random.int(durable...log.count)
        log.removeSubrange(kept...)
        // A power cut may lose one batch and keep those behind it.
        if kept > durable && random.below(3) == 0 {
            log[random.int(durable..<kept)] = []
            mendedWith = kept
        }
        let isWhole = mendedWith.map { $0 < kept } ?? true
        mendedWith = isWhole ? nil : kept
        durable = kept
        waiting = []
        for index in clients.indices where clients[index].isAwaiting { lost(index) }
        do {
            let records = stored
            let group = try ConsumerGroup(
                id: "g", restoring: records, limits: Self.limits, at: now)
            server = ConsumerState(group, records: records)
            for id in group.allRecordIDs where isWhole && records[id] != nil {
                #expect(try group.record(id) == records[id], "\(id) came back as another")
            }
        } catch {
            Issue.record("the group's own records do not parse: \(error)")
        }
    }

    /// A sync fails: nobody knows which of the batches since are there, and all are reported lost.
    private mutating func loseWhatIsNotSynced() {
        for batch in server.pending { server.lost(batch.end) }
        let kept = random.int(durable...log.count)
        let count = log.count
        // The offsets are not given out again, so that a batch keeps its place.
        for index in kept..<count { log[index] = [] }
        durable = count
        for answer in waiting { lost(answer.client) }
        waiting = []
    }

    private var stored: [ConsumerRecordID: ByteSlice] {
        var records: [ConsumerRecordID: ByteSlice] = [:]
        for batch in log {
            for (id, value) in batch { records[id] = value }
        }
        return records
    }

    private mutating func tick() {
        var next = server
        guard !next.group.tick(at: now).isEmpty else { return }
        if append(&next) { server = next }
    }

    private mutating func append(_ next: inout ConsumerState) -> Bool {
        do {
            let written = try next.difference(next.group.takeChanges())
            guard !written.isEmpty else { return true }
            log.append(written)
            next.appended(written, end: Int64(log.count))
            return true
        } catch {
            Issue.record("a record cannot be written: \(error)")
            return false
        }
    }

    // MARK: Clients

    /// Something happens to a client that no protocol foresees.
    private mutating func disturb(_ index: Int) {
        switch random.below(5) {
        case 0:
            // It dies, and a static one comes back under another id.
            clients[index].isAlive = false
            waiting.removeAll { $0.client == index }
            reset(index, isNewID: true)
        case 1: clients[index].isAlive = true
        case 2: leave(index, epoch: ConsumerHeartbeat.leaving)
        case 3:
            guard clients[index].instanceID != nil else { return }
            leave(index, epoch: ConsumerHeartbeat.pausing)
        default:
            clients[index].names = (0..<4).map { "t\($0)" }.filter { _ in random.below(2) == 0 }
            clients[index].pattern = random.below(3) == 0 ? "t[0-\(random.below(4))]" : ""
            clients[index].assignor = ["uniform", "range"][random.below(2)]
            clients[index].subscriptionTold = false
        }
    }

    private mutating func leave(_ index: Int, epoch: Int32) {
        guard clients[index].epoch > 0, !clients[index].isAwaiting else { return }
        var request = ConsumerHeartbeat()
        request.memberID = clients[index].id
        request.instanceID = clients[index].instanceID
        request.epoch = epoch
        // It has given everything up before it says so; the request itself may get lost.
        reset(index, isNewID: true)
        if random.below(4) > 0 { _ = serve(request, failing: 4) }
    }

    private mutating func reset(_ index: Int, isNewID: Bool) {
        if isNewID {
            idNext += 1
            clients[index].id = "c\(index)-\(idNext)"
        }
        clients[index].epoch = 0
        clients[index].owned = []
        clients[index].wanted = nil
        clients[index].isAwaiting = false
        clients[index].tellsAll = true
        clients[index].subscriptionTold = false
        clients[index].ownedTold = nil
    }

    private mutating func lost(_ index: Int) {
        answersLost += 1
        clients[index].isAwaiting = false
        clients[index].tellsAll = true
    }

    /// What a client does next: gives up and takes over what it was told, or beats.
    private mutating func act(_ index: Int, losing: Int, failing: Int) {
        guard clients[index].isAlive, !clients[index].isAwaiting else { return }
        if clients[index].wanted != nil, random.below(3) == 0 { finish(index) }
        let client = clients[index]
        var request = ConsumerHeartbeat()
        request.memberID = client.id
        request.instanceID = client.instanceID
        request.epoch = client.epoch
        if client.epoch == 0 || client.tellsAll {
            request.rebalanceTimeout = 20_000
            request.owned = client.owned
        }
        if client.owned != client.ownedTold { request.owned = client.owned }
        if client.epoch == 0 || client.tellsAll || !client.subscriptionTold {
            request.topicNames = client.names
            request.topicPattern = client.pattern
            request.assignor = client.assignor
        }
        #expect(request.refusal(Self.limits) == nil)
        // Having said what it works on it takes over nothing that it was told before: the answer
        // tells it anew. One that did (Kafka's coordinator cannot stop it either) would work on
        // what may be another's by now until its next heartbeat, which fences it.
        if request.owned != nil { clients[index].wanted = nil }
        if random.below(100) < losing { return lost(index) }
        clients[index].isAwaiting = true
        switch serve(request, failing: failing) {
        case .failure(let refusal):
            clients[index].isAwaiting = false
            switch refusal.error {
            case .fencedMemberEpoch, .unknownMemberId: reset(index, isNewID: false)
            case .unreleasedInstanceId: break
            case .fencedInstanceId: reset(index, isNewID: true)
            case .coordinatorNotAvailable: clients[index].tellsAll = true
            default: Issue.record("refused: \(refusal)")
            }
        case .success(let answer):
            clients[index].ownedTold = request.owned ?? clients[index].ownedTold
            if request.topicNames != nil { clients[index].subscriptionTold = true }
            let end = server.pending.last?.end ?? 0
            waiting.append(Waiting(client: index, id: client.id, end: end, answer: answer))
        }
    }

    private mutating func serve(
        _ request: ConsumerHeartbeat, failing: Int
    ) -> Result<ConsumerAnswer, ConsumerRefusal> {
        var next = server
        do throws(ConsumerRefusal) {
            let answer = try next.group.heartbeat(request, topics: catalog, at: now)
            let count = log.count
            if random.below(100) < failing || !append(&next) {
                // A full disk: nothing of the batch is there.
                log.removeSubrange(count...)
                server.group.prolong(request.memberID, at: now)
                return .failure(ConsumerRefusal(error: .coordinatorNotAvailable))
            }
            next.group.prolong(request.memberID, at: now)
            for (partition, owner) in next.group.owners {
                if let before = server.group.owners[partition], before != owner { handovers += 1 }
            }
            server = next
            return .success(answer)
        } catch {
            return .failure(error)
        }
    }

    /// Hands the clients the answers whose records are durable; some get lost on the way.
    private mutating func deliver(losing: Int) {
        let ready = waiting.filter { $0.end <= Int64(durable) }
        waiting.removeAll { $0.end <= Int64(durable) }
        for item in ready {
            guard clients[item.client].isAwaiting, clients[item.client].id == item.id else {
                continue
            }
            if random.below(100) < losing {
                lost(item.client)
                continue
            }
            clients[item.client].isAwaiting = false
            clients[item.client].tellsAll = false
            clients[item.client].epoch = item.answer.epoch
            if let assignment = item.answer.assignment {
                clients[item.client].wanted = assignment
            }
        }
    }

    /// A client gets to what it was told.
    private mutating func finish(_ index: Int) {
        guard let wanted = clients[index].wanted else { return }
        clients[index].owned = wanted
        clients[index].wanted = nil
    }

    // MARK: What must hold

    private func check() {
        var owners: [PartitionID: String] = [:]
        for member in server.group.members.values {
            #expect(member.assigned.isDisjoint(with: member.revoked))
            for partition in member.assigned.union(member.revoked) {
                #expect(owners[partition] == nil, "two members have \(partition)")
                owners[partition] = member.id
            }
            #expect(member.state == .revoking || member.revoked.isEmpty)
            #expect((member.revocationDeadline != nil) == (member.state == .revoking))
        }
        #expect(owners == server.group.owners)
        for (name, id) in server.group.staticMembers {
            #expect(server.group.members[id]?.instanceID == name)
        }

        // What a member that is not fenced works on is its own. So no two share anything.
        for client in clients where client.epoch > 0 {
            guard let member = server.group.members[client.id],
                client.epoch == member.epoch || client.epoch == member.previousEpoch
            else { continue }
            let own = member.assigned.union(member.revoked)
            #expect(
                client.owned.isSubset(of: own), "\(client.id) works on what is not its own")
        }

        // The log says what the group is.
        do {
            var records = server.records
            // A group that was mended at its start is written with the next event.
            let unwritten = server.suspects.union(server.group.changes)
            for id in server.group.allRecordIDs {
                let value = try server.group.record(id)
                guard !unwritten.contains(id) else { continue }
                // A group that nobody ever joined has nothing to say.
                if server.group.epoch > 0 {
                    let before = records.removeValue(forKey: id)
                    // Topics and an assignment are there from the first one on.
                    if before != nil || !Self.isOptional(id, server.group) {
                        #expect(before == value, "\(id) is not what was written")
                    }
                }
            }
            let left = Set(records.keys).subtracting(unwritten)
                .subtracting(server.group.allRecordIDs)
            #expect(left.isEmpty, "records of nobody: \(left)")
            if server.suspects.isEmpty { #expect(stored == server.records) }
        } catch {
            Issue.record("\(error)")
        }
    }

    /// Whether the record may be absent while it says nothing yet.
    private static func isOptional(_ id: ConsumerRecordID, _ group: ConsumerGroup) -> Bool {
        id == .topics && group.topics.isEmpty || id == .assignment && group.assignmentEpoch == 0
    }
}
