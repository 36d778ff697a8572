import Foundation
import Testing
import VarveSimulation

@testable import VarveBroker

/// Random lives of groups between the protocols: no partition is ever two members', and no offset
/// is lost, whatever happens.
@Suite struct GroupMigrationSimulationTests {
    @Test(arguments: 0..<16)
    func noPartitionIsEverTwoMembersOfEitherProtocol(run: Int) throws {
        let seed = Generator.seed(for: "noPartitionIsEverTwoMembersOfEitherProtocol \(run)")
        let policy: GroupMigrationPolicy = run % 8 == 7 ? .upgrade : .bidirectional
        let world = try MigrationWorld(
            seed: seed &+ UInt64(run) &* 0x9E37_79B9_7F4A_7C15, isCooperative: run % 2 == 0,
            policy: policy)
        for _ in 0..<3_000 { try world.step() }
        // At rest as they are, then all of one protocol after the other.
        try world.turn(toConsumers: nil)
        try world.turn(toConsumers: false)
        try world.turn(toConsumers: true)
        if run % 3 == 1 { try world.turn(toConsumers: false) }

        let (classic, consumers) = try #require(world.group())
        let isConsumers = world.clients.contains { $0.isConsumer }
        if policy == .bidirectional { #expect((consumers != nil) == isConsumers) }
        let members = consumers.map { Set($0.members.keys) } ?? Set(classic.members.keys)
        #expect(members == Set(world.clients.map(\.id)), "the group consists of the live clients")
        #expect(consumers.map { $0.state == .stable } ?? (classic.state == .stable))
        var owned: [String] = []
        for client in world.clients {
            // A classic group is shared out by its leader, and as evenly as that sees fit.
            if consumers != nil { #expect(!client.owned.isEmpty, "\(client.id) has its share") }
            owned += client.owned.map { "\($0)" }
        }
        #expect(owned.count == MigrationWorld.topics.values.reduce(0, +), "everything is read")
        #expect(Set(owned).count == owned.count, "by one")
        // The steps did what they are for.
        #expect(world.restarts > 20 && world.commits > 100)
        #expect(world.upgrades > 0 || policy == .upgrade)
        if policy == .bidirectional && run % 3 == 1 { #expect(world.downgrades > 0) }
    }
}
