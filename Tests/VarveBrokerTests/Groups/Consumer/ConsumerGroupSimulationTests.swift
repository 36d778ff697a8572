import Foundation
import Testing
import VarveSimulation

@testable import VarveBroker

/// Random lives of consumer groups: no partition is ever two members', whatever happens.
@Suite struct ConsumerGroupSimulationTests {
    @Test(arguments: 0..<24)
    func noPartitionIsEverTwoMembers(run: Int) {
        let seed = Generator.seed(for: "noPartitionIsEverTwoMembers \(run)")
        var world = ConsumerWorld(seed: seed &+ UInt64(run) &* 0x9E37_79B9_7F4A_7C15)
        for _ in 0..<1_200 { world.step() }
        world.settle()

        let group = world.server.group
        #expect(group.state == .stable)
        #expect(
            Set(group.members.keys) == Set(world.clients.map(\.id)),
            "the group consists of the live clients")
        for client in world.clients {
            let member = group.members[client.id]
            #expect(client.owned == member?.target, "everybody has what it is to have")
            #expect(client.epoch == group.epoch)
        }
        var read: Set<PartitionID> = []
        for topic in group.topics.values {
            for number in 0..<topic.partitionCount { read.insert(PartitionID(topic.id, number)) }
        }
        #expect(Set(group.owners.keys) == read, "everything that is subscribed to is read")
        // The steps did what they are for.
        #expect(world.restarts > 3 && world.answersLost > 20)
    }
}
