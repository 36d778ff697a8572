import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Random lives of a group, against what must hold whatever happens.
@Suite struct GroupRandomTests {
    /// One simulated client, which does mostly what a client does.
    private struct Client {
        var memberID = ""
        var instanceID: String?
        var generation: Int32 = -1
        var join: Ticket?
        var sync: Ticket?
        var isLeader = false
        var members: [String] = []
        var isAlive = true
        /// What it holds, and the generation that gave it.
        var assignment: ByteSlice?
    }

    @Test(arguments: 0..<60)
    func invariantsHold(run: Int) {
        var random = GroupRandom(test: "group", run: run)
        var limits = GroupLimits()
        limits.initialRebalanceDelay = Int64.random(in: 0...3_000, using: &random)
        if random.chance(0.2) { limits.membersMax = 3 }
        var driver = GroupDriver(limits: limits)
        driver.storesAtOnce = false
        var clients = (0..<5).map { number in
            Client(instanceID: random.chance(0.3) ? "static-\(number)" : nil)
        }
        var generationBefore: Int32 = 0
        var asked: (joins: Set<Ticket>, syncs: Set<Ticket>) = ([], [])

        for _ in 0..<400 {
            let index = Int.random(in: 0..<clients.count, using: &random)
            act(&driver, &clients[index], &random, &asked)
            collect(&driver, &clients)

            #expect(driver.group.generation >= generationBefore, "generations only grow")
            generationBefore = driver.group.generation
            check(driver, asked)
        }
        settle(&driver, &clients, &asked)
        #expect(driver.group.state == .stable)
        #expect(
            Set(driver.group.members.keys)
                == Set(clients.filter { $0.isAlive }.map(\.memberID)),
            "the group consists of the live clients")

        var effects: [GroupEffect] = []
        driver.group.kill(.notCoordinator, at: driver.time, into: &effects)
        driver.take(effects)
        #expect(Set(driver.joins.keys) == asked.joins, "every join was answered")
        #expect(Set(driver.syncs.keys) == asked.syncs, "every sync was answered")
    }

    private func act(
        _ driver: inout GroupDriver, _ client: inout Client, _ random: inout GroupRandom,
        _ asked: inout (joins: Set<Ticket>, syncs: Set<Ticket>)
    ) {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30:
            driver.pass(Int64.random(in: 0...2_000, using: &random))
        case 30..<45:
            if !driver.stores.isEmpty {
                driver.confirm(random.chance(0.1) ? .coordinatorNotAvailable : nil)
            }
        case 45..<48:
            // It dies without a word, and starts again as somebody new.
            client = Client(instanceID: client.instanceID)
        case 48..<51:
            _ = driver.leave(
                GroupLeaver(memberID: client.memberID, instanceID: client.instanceID))
        case 51..<54:
            // A stray request of the past.
            asked.syncs.insert(
                driver.sync(client.memberID, generation: client.generation - 1))
        case 54..<57:
            let (id, fresh) = (client.memberID, random.chance(0.5))
            asked.joins.insert(
                driver.join {
                    $0.memberID = fresh ? "" : id
                    $0.protocols = fresh ? [GroupProtocol(name: "odd", metadata: "")] : []
                })
        default:
            step(&driver, &client, &random, &asked)
        }
    }

    /// What a well-behaved client does next.
    private func step(
        _ driver: inout GroupDriver, _ client: inout Client, _ random: inout GroupRandom,
        _ asked: inout (joins: Set<Ticket>, syncs: Set<Ticket>)
    ) {
        guard client.isAlive, client.join == nil, client.sync == nil else { return }
        let now = client
        if client.generation < 0 {
            client.join = driver.join {
                $0.memberID = now.memberID
                $0.instanceID = now.instanceID
                $0.requiresKnownMemberID = true
                $0.canSkipAssignment = random.chance(0.5)
                $0.sessionTimeout = 6_000
                $0.rebalanceTimeout = 9_000
            }
            asked.joins.insert(client.join!)
        } else if client.assignment == nil {
            var assignments: [String: ByteSlice] = [:]
            if now.isLeader {
                for id in now.members { assignments[id] = ByteSlice("\(now.generation)/\(id)") }
            }
            client.sync = driver.sync(
                now.memberID, generation: now.generation, instanceID: now.instanceID, assignments)
            asked.syncs.insert(client.sync!)
        } else {
            let error = driver.heartbeat(
                now.memberID, generation: now.generation, instanceID: now.instanceID)
            if error != .none { forget(&client, error) }
        }
    }

    private func forget(_ client: inout Client, _ error: ErrorCode) {
        client.generation = -1
        client.assignment = nil
        client.isLeader = false
        if error == .unknownMemberId || error == .fencedInstanceId { client.memberID = "" }
    }

    /// Hands the clients their answers, and checks each assignment's origin.
    private func collect(_ driver: inout GroupDriver, _ clients: inout [Client]) {
        for index in clients.indices {
            if let ticket = clients[index].join, let answer = driver.joins[ticket] {
                clients[index].join = nil
                guard answer.error == .none || answer.error == .memberIdRequired else {
                    forget(&clients[index], answer.error)
                    continue
                }
                clients[index].memberID = answer.memberID
                guard answer.error == .none else { continue }
                clients[index].generation = answer.generation
                clients[index].isLeader =
                    answer.leader == answer.memberID && !answer.skipAssignment
                clients[index].members = answer.members.map(\.id)
                clients[index].assignment = nil
            }
            if let ticket = clients[index].sync, let answer = driver.syncs[ticket] {
                clients[index].sync = nil
                guard answer.error == .none else {
                    forget(&clients[index], answer.error)
                    continue
                }
                let text = answer.assignment.string
                if !text.isEmpty {
                    #expect(
                        text.hasPrefix("\(clients[index].generation)/"),
                        "an assignment of another generation was handed out")
                }
                clients[index].assignment = answer.assignment
            }
        }
    }

    private func check(
        _ driver: GroupDriver, _ asked: (joins: Set<Ticket>, syncs: Set<Ticket>)
    ) {
        let group = driver.group
        let parkedJoins = Set(group.members.values.compactMap(\.parkedJoin))
        let parkedSyncs = Set(group.members.values.compactMap(\.parkedSync))
        #expect(
            asked.joins.subtracting(driver.joins.keys) == parkedJoins,
            "a join is answered or parked, never neither or both")
        #expect(asked.syncs.subtracting(driver.syncs.keys) == parkedSyncs)
        #expect(group.members.isEmpty == (group.leader == nil))
        if let leader = group.leader { #expect(group.members[leader] != nil) }
        for (name, id) in group.staticMembers { #expect(group.members[id]?.instanceID == name) }
        #expect(group.awaitedSyncs.isSubset(of: group.members.keys))
        switch group.state {
        case .empty: #expect(group.members.isEmpty)
        case .preparingRebalance:
            #expect(group.joinPhase != nil)
            #expect(parkedSyncs.isEmpty)
        case .completingRebalance:
            #expect(!group.members.isEmpty && parkedJoins.isEmpty && group.joinPhase == nil)
            #expect(group.syncDeadline != nil || group.awaitedSyncs.isEmpty)
        case .stable: #expect(!group.members.isEmpty && parkedSyncs.isEmpty)
        case .dead: Issue.record("nobody killed it")
        }
    }

    /// Everybody behaves from here on: the group must come to rest.
    private func settle(
        _ driver: inout GroupDriver, _ clients: inout [Client],
        _ asked: inout (joins: Set<Ticket>, syncs: Set<Ticket>)
    ) {
        var random = GroupRandom(seed: 1)
        driver.storesAtOnce = true
        driver.take([])
        clients = Array(clients.prefix(3))
        for _ in 0..<200 {
            collect(&driver, &clients)
            for index in clients.indices {
                step(&driver, &clients[index], &random, &asked)
            }
            collect(&driver, &clients)
            driver.pass(500)
            check(driver, asked)
        }
    }
}
