import Foundation
import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation
import VarveWire

@testable import VarveBroker

/// The promises to clients over a power cut, seen from their sockets (I1, I3).
struct PowerCutTests {
    /// What the clients of one broker were told.
    private struct Told {
        /// Values by partition and offset that were acknowledged, or that a consumer was given.
        var acknowledged: [Int32: [Int64: String]] = [:]
        var seen: [Int32: [Int64: String]] = [:]
    }

    private static let partitions: Int32 = 2

    @Test func whatClientsWereToldIsThereAfterEveryPowerCut() throws {
        let seed =
            ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap(UInt64.init)
            ?? UInt64.random(in: 0...UInt64.max)
        print("VARVE_SEED=\(seed)")
        var random = SplitMix(state: seed)
        var acknowledged = 0
        for round in 0..<30 {
            let disk = SimulatedDisk(seed: random.next())
            var told = Told()
            for cut in 0..<4 {
                let test = try TestBroker(
                    settings: ["log.segment.bytes": "4096", "varve.reopen.interval.ms": "0"],
                    disk: disk, directory: "/data")
                try check(told, test, "round \(round), cut \(cut)")
                if cut == 0 {
                    try test.broker.createTopic("t", partitions: Int(Self.partitions))
                }
                disk.die(at: disk.operationCount + Int.random(in: 1...400, using: &random))
                try load(test, disk, &told, prefix: "\(round).\(cut)", &random)
                // The disk is gone, so the last sync fails; that is what the test is about.
                do { try test.broker.stop() } catch {}
                disk.powerCut()
            }
            let test = try TestBroker(disk: disk, directory: "/data")
            try check(told, test, "round \(round), at the end")
            acknowledged += told.acknowledged.values.reduce(0) { $0 + $1.count }
        }
        // A run that acknowledges nothing would prove nothing.
        #expect(acknowledged > 500)
    }

    /// Pipelined producing and reading until the disk is gone.
    private func load(
        _ test: TestBroker, _ disk: SimulatedDisk, _ told: inout Told, prefix: String,
        _ random: inout SplitMix
    ) throws {
        let producer = try test.client()
        let consumer = try test.client()
        var next = 0
        for _ in 0..<200 where !disk.isDead {
            var sent: [(id: Int32, partition: Int32, values: [String])] = []
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let values = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    next += 1
                    return "\(prefix).\(next)"
                        + String(repeating: "x", count: Int.random(in: 0...200, using: &random))
                }
                let partition = Int32.random(in: 0..<Self.partitions, using: &random)
                let id = try producer.send(
                    produce([("t", partition, try batch(values))]), version: 9)
                sent.append((id, partition, values))
            }
            let reading = try consumer.send(
                fetch((0..<Self.partitions).map { ("t", $0, 0) }), version: 11)
            for (id, partition, values) in sent {
                let outcome = try producer.answer(
                    to: ProduceRequest.self, version: 9, id: id
                ).outcomes[0]
                guard outcome.errorCode == .none else { continue }
                for (index, value) in values.enumerated() {
                    let offset = outcome.baseOffset + Int64(index)
                    #expect(told.acknowledged[partition]?[offset] == nil, "an offset given twice")
                    told.acknowledged[partition, default: [:]][offset] = value
                }
            }
            let read = try consumer.answer(to: FetchRequest.self, version: 11, id: reading)
            for part in read.partitions where part.errorCode == .none {
                for record in try records(part) {
                    let before = told.seen[part.partitionIndex]?[record.offset]
                    #expect(before == nil || before == record.value?.string)
                    told.seen[part.partitionIndex, default: [:]][record.offset] =
                        record.value?.string
                }
            }
        }
    }

    private func check(_ told: Told, _ test: TestBroker, _ moment: String) throws {
        for partition in told.acknowledged.keys {
            var found: [Int64: String] = [:]
            var offset: Int64 = 0
            let end = try test.broker.endOffset(topic: "t", partition: Int(partition))
            while offset < end {
                let read = try test.broker.read(
                    topic: "t", partition: Int(partition), from: offset)
                // The name of a new segment may survive where the unsynced end of the one before
                // it did not: a gap at the end, of offsets that nobody was told of.
                if read.isEmpty { break }
                for record in read { found[record.offset] = record.text }
                offset = read.last!.offset + 1
            }
            for (offset, value) in told.acknowledged[partition] ?? [:] {
                #expect(found[offset] == value, "\(moment): acknowledged \(partition)/\(offset)")
            }
            for (offset, value) in told.seen[partition] ?? [:] {
                #expect(found[offset] == value, "\(moment): seen \(partition)/\(offset)")
            }
        }
    }
}
