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
        for _ in 0..<1_500 { try world.step() }
        // Whoever is left: all of one protocol, or some of each.
        for index in world.clients.indices where run % 3 < 2 {
            if world.clients[index].isConsumer != (run % 3 == 0) {
                world.clients[index].begin(isConsumer: run % 3 == 0)
            }
        }
        world.settle()

        let (classic, consumers) = try #require(world.group())
        let isConsumers = world.clients.contains { $0.isConsumer }
        if policy == .bidirectional { #expect((consumers != nil) == isConsumers) }
        let members = consumers.map { Set($0.members.keys) } ?? Set(classic.members.keys)
        #expect(members == Set(world.clients.map(\.id)), "the group consists of the live clients")
        #expect(consumers.map { $0.state == .stable } ?? (classic.state == .stable))
        var owned: [String] = []
        for client in world.clients {
            #expect(!client.owned.isEmpty, "\(client.id) has its share")
            owned += client.owned.map { "\($0)" }
        }
        #expect(owned.count == MigrationWorld.topics.values.reduce(0, +), "everything is read")
        #expect(Set(owned).count == owned.count, "by one")
        // The steps did what they are for.
        print("\(world.upgrades) up, \(world.downgrades) down, \(world.commits) commits")
        #expect(world.restarts > 5 && world.commits > 50)
        if policy == .bidirectional { #expect(world.upgrades > 2 && world.downgrades > 2) }
    }
}
