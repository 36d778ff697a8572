import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Drives one group by hand: keeps the time, hands out tickets, and collects the answers.
struct GroupDriver {
    var group: Group
    var now: Int64 = 1_000
    /// Answers by ticket. That none comes twice is checked here, for every test.
    var joins: [Ticket: JoinAnswer] = [:]
    var syncs: [Ticket: SyncAnswer] = [:]
    /// What the group asked to store and nobody has confirmed yet.
    var stores: [(purpose: GroupStorePurpose, snapshot: GroupSnapshot)] = []
    /// Confirms every store at once.
    var storesAtOnce = true
    private var ticketNext: UInt64 = 1
    private var memberNext = 1

    static let wallStart: Int64 = 1_700_000_000_000

    init(limits: GroupLimits = GroupLimits()) {
        group = Group(
            id: "g", limits: limits, at: GroupTime(monotonic: 1_000, wall: Self.wallStart))
    }

    var time: GroupTime { GroupTime(monotonic: now, wall: Self.wallStart + now) }

    mutating func take(_ effects: [GroupEffect]) {
        for effect in effects {
            switch effect {
            case .joined(let ticket, let answer):
                #expect(joins[ticket] == nil, "a join was answered twice")
                joins[ticket] = answer
            case .synced(let ticket, let answer):
                #expect(syncs[ticket] == nil, "a sync was answered twice")
                syncs[ticket] = answer
            case .store(let purpose, let snapshot):
                stores.append((purpose, snapshot))
            }
        }
        while storesAtOnce, !stores.isEmpty { confirm() }
    }

    mutating func confirm(_ error: ErrorCode? = nil) {
        var effects: [GroupEffect] = []
        group.stored(stores.removeFirst().purpose, error: error, at: time, into: &effects)
        take(effects)
    }

    mutating func join(_ change: (inout GroupJoin) -> Void = { _ in }) -> Ticket {
        var request = GroupJoin()
        request.protocols = [GroupProtocol(name: "range", metadata: "m")]
        change(&request)
        let ticket = nextTicket()
        let id = "new-\(memberNext)"
        memberNext += 1
        var effects: [GroupEffect] = []
        group.join(request, newMemberID: id, ticket: ticket, at: time, into: &effects)
        take(effects)
        return ticket
    }

    mutating func sync(
        _ memberID: String, generation: Int32? = nil, instanceID: String? = nil,
        _ assignments: [String: ByteSlice] = [:], _ change: (inout GroupSync) -> Void = { _ in }
    ) -> Ticket {
        var request = GroupSync()
        request.memberID = memberID
        request.instanceID = instanceID
        request.generation = generation ?? group.generation
        request.assignments = assignments
        change(&request)
        let ticket = nextTicket()
        var effects: [GroupEffect] = []
        group.sync(request, ticket: ticket, at: time, into: &effects)
        take(effects)
        return ticket
    }

    mutating func heartbeat(
        _ memberID: String, generation: Int32? = nil, instanceID: String? = nil
    ) -> ErrorCode {
        group.heartbeat(
            memberID, instanceID: instanceID, generation: generation ?? group.generation, at: time)
    }

    mutating func leave(_ leavers: GroupLeaver...) -> [ErrorCode] {
        var effects: [GroupEffect] = []
        let answers = group.leave(leavers, at: time, into: &effects)
        take(effects)
        return answers
    }

    mutating func commit(_ memberID: String, generation: Int32? = nil) -> ErrorCode? {
        group.commitError(
            memberID: memberID, instanceID: nil, generation: generation ?? group.generation,
            at: time)
    }

    /// Lets `milliseconds` pass, with a tick at every deadline on the way.
    mutating func pass(_ milliseconds: Int64) {
        let end = now + milliseconds
        while let deadline = group.nextDeadline, deadline <= end {
            now = max(now, deadline)
            tick()
        }
        now = end
        tick()
    }

    /// Lets time pass until the running join phase ends.
    mutating func gather() {
        while group.state == .preparingRebalance, let deadline = group.nextDeadline {
            pass(deadline - now)
        }
    }

    mutating func tick() {
        var effects: [GroupEffect] = []
        group.tick(at: time, into: &effects)
        take(effects)
    }

    private mutating func nextTicket() -> Ticket {
        defer { ticketNext += 1 }
        return Ticket(ticketNext)
    }

    /// A stable group of `count` members, the leader first; each has its own id as assignment.
    mutating func settle(_ count: Int, _ change: (inout GroupJoin) -> Void = { _ in }) -> [String] {
        let tickets = (0..<count).map { _ in join(change) }
        gather()
        let ids = tickets.map { joins[$0]!.memberID }
        var assignments: [String: ByteSlice] = [:]
        for id in ids { assignments[id] = ByteSlice(id) }
        let leader = group.leader!
        for id in ids where id != leader { _ = sync(id) }
        _ = sync(leader, assignments)
        #expect(group.state == .stable)
        return [leader] + ids.filter { $0 != leader }
    }
}
