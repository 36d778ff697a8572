import Foundation
import Testing
import VarvePlatform
import VarveSimulation
import VarveWire

@testable import VarveBroker

/// Transactions over power cuts, seen from their clients' sockets: each is wholly there or not at
/// all, as its producer was told, and readers of committed records never see anything else.
struct TransactionPowerCutTests {
    /// What producers know about their transactions.
    private struct Ledger {
        /// Values by partition, of each transaction: what was told to commit and was answered.
        var committed: [[TransactionPartition: [String]]] = []
        /// Told to commit, and no answer: all of it or nothing.
        var undecided: [[TransactionPartition: [String]]] = []
        /// Aborted, left open, or fenced: nothing of it.
        var gone: Set<String> = []
        /// Offsets that count, in the order of their transactions; the last that may.
        var offset: Int64 = -1
        var offsetUndecided: [Int64] = []
        /// Ever told to commit without an answer.
        var undecidedTotal = 0
    }

    /// A producer with what it has written in its open transaction.
    private struct Open {
        let client: TransactionalClient
        var values: [TransactionPartition: [String]] = [:]
        var offset: Int64?
    }

    private static let places = (0..<3).map { TransactionPartition(topic: "t", index: $0) }
    private static let settings = [
        "log.segment.bytes": "4096", "varve.reopen.interval.ms": "0", "num.network.threads": "1",
        "transaction.state.log.segment.bytes": "16384",
    ]

    @Test(arguments: [false, true])
    func everyTransactionIsWholeAfterEveryPowerCut(isModern: Bool) throws {
        var random = Generator("everyTransactionIsWholeAfterEveryPowerCut")
        var committed = 0
        var undecided = 0
        for round in 0..<8 {
            let disk = SimulatedDisk(seed: random.next())
            var ledger = Ledger()
            for cut in 0..<6 {
                let test = try TestBroker(
                    settings: Self.settings, disk: disk, directory: "/data")
                if cut == 0 { try test.broker.createTopic("t", partitions: Self.places.count) }
                try check(&ledger, test, "round \(round), cut \(cut)")
                disk.die(at: disk.operationCount + random.int(1...500))
                try load(test, disk, &ledger, isModern, "\(round).\(cut)", &random)
                // The disk is gone, so the last sync fails; that is what the test is about.
                do { try test.broker.stop() } catch {}
                disk.powerCut()
            }
            let test = try TestBroker(settings: Self.settings, disk: disk, directory: "/data")
            try check(&ledger, test, "round \(round), at the end")
            committed += ledger.committed.count
            undecided += ledger.undecidedTotal
        }
        print("\(committed) committed, \(undecided) undecided")
        // A run that commits nothing would prove nothing.
        #expect(committed > 40)
    }

    /// Transactions of three producers among each other until the disk is gone.
    private func load(
        _ test: TestBroker, _ disk: SimulatedDisk, _ ledger: inout Ledger, _ isModern: Bool,
        _ name: String, _ random: inout Generator
    ) throws {
        var open: [Open] = []
        for number in 0..<3 {
            let client = TransactionalClient(
                try test.client(), id: "x\(number)", isModern: isModern)
            guard try client.initialize() == .none else { return }
            open.append(Open(client: client))
        }
        let reader = CommittedReader(client: try test.client())
        for step in 0..<300 where !disk.isDead {
            let index = random.below(open.count)
            let client = open[index].client
            switch random.below(8) {
            case 0..<5:
                let place = Self.places[random.below(Self.places.count)]
                let values = (0...random.below(3)).map { "\(name).\(index).\(step).\($0)" }
                ledger.gone.formUnion(values)
                if !isModern, try client.add([place]) != [.none] { return }
                guard try client.write(values, to: place) == .none else { return }
                open[index].values[place, default: []] += values
            case 5:
                // Only one group's consumer at a time, as it would be.
                guard index == 0 else { continue }
                let offset = (ledger.offsetUndecided.last ?? ledger.offset) + 1
                if !isModern, try client.addOffsets(of: "g") != .none { return }
                guard try client.commitOffset(offset, of: "g", in: Self.places[0]) == .none
                else { return }
                open[index].offset = offset
            default:
                guard !open[index].values.isEmpty || open[index].offset != nil else { continue }
                let (values, offset) = (open[index].values, open[index].offset)
                open[index].values = [:]
                open[index].offset = nil
                let commits = random.chance(2, in: 3)
                if commits {
                    for value in values.values { ledger.gone.subtract(value) }
                }
                let outcome = try client.end(commits: commits)
                if commits {
                    if outcome == .none {
                        ledger.committed.append(values)
                        if let offset { (ledger.offset, ledger.offsetUndecided) = (offset, []) }
                    } else {
                        ledger.undecided.append(values)
                        ledger.undecidedTotal += 1
                        if let offset { ledger.offsetUndecided.append(offset) }
                    }
                }
                guard outcome == .none else { return }
                if let place = Self.places.randomElement(using: &random), !disk.isDead {
                    try checkNothingGone(ledger, reader, place)
                }
            }
        }
    }

    private func checkNothingGone(
        _ ledger: Ledger, _ reader: CommittedReader, _ place: TransactionPartition
    ) throws {
        do {
            let seen = try reader.read(place).values
            #expect(ledger.gone.isDisjoint(with: seen))
        } catch is TransactionFailure {
            // The disk died meanwhile.
        }
    }

    /// After a restart: what was decided stands, and everything open ends.
    private func check(_ ledger: inout Ledger, _ test: TestBroker, _ moment: String) throws {
        let client = try test.client()
        let reader = CommittedReader(client: client)
        if !ledger.committed.isEmpty || !ledger.undecided.isEmpty || !ledger.gone.isEmpty {
            for number in 0..<3 {
                let producer = TransactionalClient(client, id: "x\(number)")
                var outcome = try producer.initialize()
                let deadline = ContinuousClock.now + .seconds(10)
                // Until the markers of a transaction are written that was decided before the cut.
                while outcome == .concurrentTransactions, ContinuousClock.now < deadline {
                    outcome = try producer.initialize()
                }
                #expect(outcome == .none, "\(moment): x\(number)")
            }
        }
        var seen: [TransactionPartition: [String]] = [:]
        for place in Self.places {
            let all = try reader.read(place, isolation: 0)
            let found = try reader.read(place)
            #expect(found.end == all.end, "\(moment): something still hangs in \(place.index)")
            #expect(Set(found.values).count == found.values.count, "\(moment): seen twice")
            #expect(ledger.gone.isDisjoint(with: found.values), "\(moment): aborted and seen")
            seen[place] = found.values
        }
        func isWhole(_ transaction: [TransactionPartition: [String]]) -> Bool {
            transaction.allSatisfy { place, values in
                // In its order, too.
                seen[place]!.filter { Set(values).contains($0) } == values
            }
        }
        for transaction in ledger.committed {
            #expect(isWhole(transaction), "\(moment): lost of \(transaction)")
        }
        for transaction in ledger.undecided {
            if isWhole(transaction) {
                ledger.committed.append(transaction)
            } else {
                let values = transaction.values.flatMap { $0 }
                let half = seen.values.joined().filter { values.contains($0) }
                #expect(half.isEmpty, "\(moment): half of \(transaction)")
                ledger.gone.formUnion(values)
            }
        }
        ledger.undecided = []
        let allowed = [ledger.offset] + ledger.offsetUndecided
        let offset = try reader.offset(of: "g", in: Self.places[0], isStable: true)
        #expect(offset.error == .none, "\(moment)")
        #expect(allowed.contains(offset.offset), "\(moment): \(offset.offset) of \(allowed)")
        (ledger.offset, ledger.offsetUndecided) = (offset.offset, [])
    }
}
