import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation
import VarveWire

@testable import VarveBroker

/// Offsets in open transactions: which word counts in the end, at once and after a restart.
struct TransactionalOffsetTests {
    private func change(_ offset: Int64, partition: Int32 = 0) -> GroupEntry.State.Change {
        .init(
            topic: "events", partition: partition,
            value: CommittedOffset(offset: offset, commitTime: 0))
    }

    private func offsets(_ changes: [GroupEntry.State.Change]) -> [Int32: Int64] {
        Dictionary(uniqueKeysWithValues: changes.map { ($0.partition, $0.value!.offset) })
    }

    @Test func theLastWordOfACommittedTransactionCounts() {
        var open = TransactionalOffsets()
        open.append([change(1), change(2, partition: 1)], of: 7)
        open.append([change(3)], of: 7)
        open.append([change(9, partition: 2)], of: 8)
        #expect(open.partitions == ["events": [0, 1, 2]])
        #expect(offsets(open.end(7, commits: true)) == [0: 3, 1: 2])
        #expect(open.end(8, commits: false).isEmpty)
        #expect(open.isEmpty && open.end(7, commits: true).isEmpty)
    }

    @Test func whatStandsLaterInTheLogCountsWhoeverCommitsFirst() {
        var open = TransactionalOffsets()
        open.append([change(1), change(5, partition: 1)], of: 7)
        open.append([change(2)], of: 8)
        #expect(offsets(open.end(8, commits: true)) == [0: 2])
        #expect(offsets(open.end(7, commits: true)) == [1: 5])

        open.append([change(1)], of: 7)
        open.append([change(2)], of: 8)
        #expect(offsets(open.end(7, commits: true)) == [0: 1])
        #expect(offsets(open.end(8, commits: true)) == [0: 2])

        open.append([change(1)], of: 7)
        open.forget("events", 0)
        #expect(open.isEmpty && open.end(7, commits: true).isEmpty)
    }

    /// Random commits inside and outside of transactions: what a group has is the same after a
    /// restart, which reads it from the log.
    @Test func aRestartChangesNothing() throws {
        var random = Generator("aRestartChangesNothing")
        for _ in 0..<10 {
            let fixture = try CoordinatorFixture()
            let groups = ["g", "h", "i"]
            for step in 0..<120 {
                let group = groups[random.below(groups.count)]
                let partition = Int32(random.below(3))
                let producer = ProducerIdentity(id: Int64(random.below(3)) + 1, epoch: 0)
                switch random.below(10) {
                case 0..<3: _ = fixture.commit(group, Int64(step), partition: partition)
                case 3..<6:
                    let answer = Awaited<ErrorCode>()
                    fixture.coordinator.commit(
                        group, by: OffsetCommitter(),
                        [.init(topic: "events", partition: partition, offset: Int64(step))],
                        in: producer
                    ) { answer.answer($0) }
                    fixture.directory.commitNow()
                    #expect(answer.value == ErrorCode.none)
                case 6..<8:
                    try end(producer, commits: random.chance(1, in: 2), fixture)
                default:
                    fixture.coordinator.deleteOffsets(group, [("events", partition)]) { _, _ in }
                }
                fixture.directory.commitNow()
                guard random.chance(1, in: 8) else { continue }
                let before = groups.map { state(of: $0, fixture) }
                try fixture.restart()
                #expect(groups.map { state(of: $0, fixture) } == before, "step \(step)")
            }
        }
    }

    private func state(of group: String, _ fixture: CoordinatorFixture) -> String {
        let offsets = (fixture.coordinator.committedOffsets(of: group)?["events"] ?? [:])
            .mapValues(\.offset).sorted { $0.key < $1.key }
        let unstable = (fixture.coordinator.unstablePartitions(of: group)["events"] ?? []).sorted()
        return "\(offsets) \(unstable)"
    }

    /// Ends the producer's transaction in every partition of `__consumer_offsets`.
    private func end(
        _ producer: ProducerIdentity, commits: Bool, _ fixture: CoordinatorFixture
    ) throws {
        guard let topic = fixture.directory.topic(BrokerState.offsetsTopic) else { return }
        for (number, log) in topic.partitions.enumerated() {
            let result = try log.appendMarker(
                TransactionMarker(isCommit: commits, coordinatorEpoch: 0), producerID: producer.id,
                epoch: producer.epoch, now: fixture.clock.wallMilliseconds())
            let end = result.nextOffset
            let coordinator = fixture.coordinator
            log.whenDurable(end) { error in
                #expect(error == nil)
                coordinator.endTransaction(
                    of: producer.id, in: number, commits: commits, end: end)
            }
        }
        fixture.directory.commitNow()
    }
}
