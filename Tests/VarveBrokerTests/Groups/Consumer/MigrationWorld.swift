import Testing
import VarveLog
import VarvePlatform
import VarveSimulation
import VarveWire

@testable import VarveBroker

/// A group whose clients go from one protocol to the other and back, each at its own time, before
/// a real coordinator on a simulated disk, moved step by step by one seed.
///
/// Clients lag, crash, leave, lose requests and answers; the disk refuses to write; the broker is
/// killed, and its power cut, at any moment. After each step no partition may be two current
/// members' and no acknowledged offset gone.
final class MigrationWorld {
    static let topics = ["a": 4, "b": 3]
    static let rebalanceTimeout: Int64 = 40_000

    var random: Generator
    let disk: SimulatedDisk
    let clock = HandClock()
    private(set) var directory: DataDirectory
    private(set) var coordinator: GroupCoordinator
    private let settings: GroupSettings
    /// Ids of members, from the seed as everything is, so that it repeats a run.
    private let ids: Lock<Generator>
    var clients: [MigratingClient] = []
    let mailbox = Lock<[(life: Int, answer: MigratingAnswer)]>([])
    private(set) var life = 0
    private var requestNext = 0
    /// Offsets by partition: the last that was sent, and the last that was acknowledged.
    private var sent: [String: [Int32: Int64]] = [:]
    private var acknowledged: [String: [Int32: Int64]] = [:]
    private var kindBefore: GroupListing.Kind?
    /// What most clients go over to, until the wind turns.
    private var isTrendConsumer = true
    private(set) var commits = 0
    private(set) var upgrades = 0
    private(set) var downgrades = 0
    private(set) var restarts = 0

    init(seed: UInt64, isCooperative: Bool, policy: GroupMigrationPolicy) throws {
        random = Generator(seed: seed)
        disk = SimulatedDisk(seed: random.next())
        ids = Lock(Generator(seed: random.next()))
        var settings = GroupSettings()
        settings.offsetsPartitions = 1
        settings.limits.initialRebalanceDelay = 500
        settings.migration = policy
        self.settings = settings
        directory = try Self.open(disk, clock)
        for (name, count) in Self.topics.sorted(by: { $0.key < $1.key }) {
            _ = try directory.createTopic(name, partitions: count, now: clock.wallMilliseconds())
        }
        coordinator = Self.coordinator(directory, clock, settings, ids)
        for number in 0..<5 {
            clients.append(
                MigratingClient(
                    number: number, instanceID: number % 3 == 0 ? "static-\(number)" : nil,
                    isCooperative: isCooperative, isConsumer: random.below(2) == 0))
        }
    }

    private static func open(_ disk: SimulatedDisk, _ clock: HandClock) throws -> DataDirectory {
        try DataDirectory.open(
            path: "/data", disk: disk, options: DataDirectoryOptions(commit: .manual),
            now: clock.wallMilliseconds(), logger: nil)
    }

    private static func coordinator(
        _ directory: DataDirectory, _ clock: HandClock, _ settings: GroupSettings,
        _ ids: Lock<Generator>
    ) -> GroupCoordinator {
        let coordinator = GroupCoordinator(
            directory: directory, clock: clock, settings: settings,
            logger: Logger("groups", sink: { _ in }),
            newID: { ids.withLock { UniqueID(high: $0.next(), low: $0.next()) } })
        coordinator.load()
        return coordinator
    }

    // MARK: Steps

    func step() throws {
        clock.pass(Int64(random.below(2_000)))
        coordinator.tick(at: coordinator.time)
        if random.below(250) == 0 { isTrendConsumer.toggle() }
        switch random.below(100) {
        case 0..<20: directory.commitNow()
        case 20..<22: try restart()
        case 22..<23: refuseWrites()
        case 23..<33: disturb(random.below(clients.count))
        case 33..<52: deliver(losing: 8)
        default: act(random.below(clients.count), losing: 4)
        }
        check()
    }

    /// All clients become of one protocol, or as they are.
    func turn(toConsumers isConsumer: Bool?) throws {
        for index in clients.indices {
            if let isConsumer, clients[index].isConsumer != isConsumer {
                clients[index].begin(isConsumer: isConsumer)
            }
        }
        try settle()
    }

    /// Everybody behaves: the group must come to rest with everything shared out.
    func settle() throws {
        disk.fail(nil)
        for _ in 0..<3 where coordinator.unavailability(of: "g") != nil { try restart() }
        for index in clients.indices {
            clients[index].isAlive = true
            clients[index].names = ["a", "b"]
        }
        for _ in 0..<60 {
            for index in clients.indices {
                act(index, losing: 0)
                directory.commitNow()
                deliver(losing: 0)
            }
            clock.pass(2_000)
            coordinator.tick(at: coordinator.time)
            check()
        }
    }

    /// The broker's process ends, or the machine does, and starts again.
    private func restart() throws {
        restarts += 1
        life += 1
        disk.die(at: disk.operationCount)
        // It can no longer close anything.
        do { try directory.close(now: clock.wallMilliseconds()) } catch {}
        if random.below(2) == 0 { disk.kill() } else { disk.powerCut() }
        mailbox.withLock { $0 = [] }
        for index in clients.indices {
            if clients[index].awaited != nil { lost(index) }
            clients[index].brokerDied()
        }
        directory = try Self.open(disk, clock)
        coordinator = Self.coordinator(directory, clock, settings, ids)
    }

    /// One write to come finds the disk full.
    private func refuseWrites() {
        disk.fail(
            .init(operation: disk.operationCount + random.below(4), errno: 28), only: [.write])
    }

    /// Something happens to a client that no protocol foresees; most come back by the other one.
    private func disturb(_ any: Int) {
        let late = clients.indices.filter { clients[$0].isConsumer != isTrendConsumer }
        let index = late.randomElement(using: &random) ?? any
        let isConsumer = (random.below(60) > 0) == isTrendConsumer
        switch random.below(8) {
        case 0:
            clients[index].isAlive = false
            clients[index].begin(isConsumer: isConsumer)
        case 1..<6:
            for index in clients.indices { clients[index].isAlive = true }
            guard clients[index].isConsumer != isConsumer else { return }
            leave(index)
            clients[index].begin(isConsumer: isConsumer)
        default:
            clients[index].names = ["a", "b"].filter { _ in random.below(4) > 0 }
        }
    }

    private func leave(_ index: Int) {
        let client = clients[index]
        guard client.awaited == nil, client.epoch > 0 else { return }
        clients[index].owned = []
        if client.isConsumer {
            var request = ConsumerHeartbeat()
            request.memberID = client.id
            request.instanceID = client.instanceID
            request.epoch =
                client.instanceID == nil ? ConsumerHeartbeat.leaving : ConsumerHeartbeat.pausing
            coordinator.beat("g", request) { _ in }
        } else if client.instanceID == nil {
            _ = coordinator.leave("g", [GroupLeaver(memberID: client.id)])
        }
    }

    // MARK: Clients

    private func lost(_ index: Int) {
        clients[index].awaited = nil
        clients[index].wanted = nil
    }

    private func act(_ index: Int, losing: Int) {
        guard clients[index].isAlive else { return }
        if clients[index].awaited != nil {
            // Its patience ends.
            if losing > 0, random.below(30) == 0 { lost(index) }
            return
        }
        if clients[index].wanted != nil, random.below(2) == 0 || losing == 0 {
            clients[index].finish()
        }
        if clients[index].isReading, random.below(3) == 0 { commit(index) }
        requestNext += 1
        let request = requestNext
        let isLost = random.below(100) < losing
        switch clients[index].step {
        case .beat where clients[index].isConsumer:
            let beat = clients[index].heartbeat(timeout: Self.rebalanceTimeout)
            guard !isLost else { return lost(index) }
            clients[index].awaited = request
            coordinator.beat("g", beat) { [mailbox, life] outcome in
                mailbox.withLock {
                    $0.append((life, MigratingAnswer(index, request, .beat(outcome))))
                }
            }
        case .beat:
            guard !isLost else { return }
            let client = clients[index]
            clients[index].heard(
                coordinator.heartbeat(
                    "g", memberID: client.id, instanceID: client.instanceID,
                    generation: client.epoch))
        case .join:
            let join = clients[index].join(timeout: Self.rebalanceTimeout, in: partitions)
            guard !isLost else { return lost(index) }
            clients[index].awaited = request
            coordinator.join("g", join) { [mailbox, life] answer in
                mailbox.withLock {
                    $0.append((life, MigratingAnswer(index, request, .join(answer))))
                }
            }
        case .sync:
            guard !isLost else { return lost(index) }
            clients[index].awaited = request
            coordinator.sync("g", clients[index].sync(Self.topics)) { [mailbox, life] answer in
                mailbox.withLock {
                    $0.append((life, MigratingAnswer(index, request, .sync(answer))))
                }
            }
        }
    }

    /// Hands the clients their answers; some get lost on the way.
    private func deliver(losing: Int) {
        let all = mailbox.withLock { box in
            defer { box = [] }
            return box
        }
        for item in all where item.life == life {
            let answer = item.answer
            if case .commit(let name, let partition, let offset, let error) = answer.content {
                if error == .none {
                    commits += 1
                    let before = acknowledged[name]?[partition] ?? -1
                    acknowledged[name, default: [:]][partition] = max(before, offset)
                }
                continue
            }
            guard clients[answer.client].awaited == answer.request else { continue }
            clients[answer.client].awaited = nil
            if random.below(100) < losing {
                lost(answer.client)
            } else {
                clients[answer.client].take(answer.content, in: partitions)
            }
        }
    }

    private func commit(_ index: Int) {
        let client = clients[index]
        let names = Dictionary(uniqueKeysWithValues: partitions.map { ($0.value.id, $0.key) })
        guard let place = client.owned.sorted(by: { "\($0)" < "\($1)" }).first,
            let name = names[place.topic]
        else { return }
        let offset = (sent[name]?[place.partition] ?? 0) + 1
        sent[name, default: [:]][place.partition] = offset
        var committer = OffsetCommitter()
        committer.memberID = client.id
        committer.instanceID = client.instanceID
        committer.generation = client.epoch
        committer.knowsMissingGroups = true
        let partition = place.partition
        coordinator.commit(
            "g", by: committer,
            [OffsetToCommit(topic: name, partition: partition, offset: offset)]
        ) { [mailbox, life] error in
            let content = MigratingAnswer.Content.commit(name, partition, offset, error)
            mailbox.withLock { $0.append((life, MigratingAnswer(index, 0, content))) }
        }
    }

    /// The topics by name.
    private var partitions: [String: CatalogTopic] {
        var result: [String: CatalogTopic] = [:]
        for topic in directory.topics where Self.topics[topic.name] != nil {
            result[topic.name] = CatalogTopic(
                id: topic.id, partitionCount: Int32(topic.partitions.count))
        }
        return result
    }

    // MARK: What must hold

    /// The group's two sides; the first is empty while there is the second.
    func group() -> (classic: Group, consumers: ConsumerGroup?)? {
        coordinator.entry(of: "g")?.state.withLock { ($0.group, $0.consumers?.group) }
    }

    private func check() {
        // A log that a failed write has left a gap in is not served until it is healed or reopened:
        // whoever asks is told so, and finds no offset missing.
        guard coordinator.unavailability(of: "g") == nil else { return }
        for (name, offsets) in acknowledged {
            for (partition, offset) in offsets {
                let kept = coordinator.committedOffsets(of: "g")?[name]?[partition]?.offset
                #expect(kept ?? -1 >= offset, "the offset of \(name)-\(partition) is gone")
            }
        }
        guard let (classic, consumers) = group() else { return }
        note(classic, consumers)
        var owners: [PartitionID: String] = [:]
        for client in clients where client.isCurrent(classic, consumers) {
            for partition in client.owned {
                let other = owners.updateValue(client.id, forKey: partition)
                #expect(other == nil, "\(partition) is \(client.id)'s and \(other ?? "")'s")
            }
            // One of the classic protocol may be behind; its next join has it start anew then.
            guard let member = consumers?.members[client.id], member.classic == nil else {
                continue
            }
            let own = member.assigned.union(member.revoked)
            #expect(client.owned.isSubset(of: own), "\(client.id) works on what is not its own")
        }
        guard let consumers else { return }
        var held: [PartitionID: String] = [:]
        for member in consumers.members.values {
            for partition in member.assigned.union(member.revoked) {
                #expect(held.updateValue(member.id, forKey: partition) == nil)
            }
        }
        #expect(held == consumers.owners)
        for (name, id) in consumers.staticMembers {
            #expect(consumers.members[id]?.instanceID == name)
        }
    }

    /// Counts the conversions of a group with members.
    private func note(_ classic: Group, _ consumers: ConsumerGroup?) {
        let isEmpty = consumers.map(\.members.isEmpty) ?? classic.members.isEmpty
        let kind: GroupListing.Kind? =
            isEmpty ? nil : consumers == nil ? .classic : .consumer
        if kindBefore == .classic && kind == .consumer { upgrades += 1 }
        if kindBefore == .consumer && kind == .classic { downgrades += 1 }
        kindBefore = kind
    }
}
