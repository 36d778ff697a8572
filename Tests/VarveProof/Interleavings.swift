internal import VarveLog
internal import VarvePlatform
internal import VarveSimulation

/// Interleavings (T3): what a broker does, done by several threads, most of it while another one
/// syncs. Now and then an operation of the disk fails; in the end the process or the power goes, in
/// the middle of it all, and what was acknowledged must be there.
///
/// A sync takes long, and the log is not locked meanwhile: whatever happens then to the same
/// partitions, the commit under way must not speak for it. So after a sync, before it returns,
/// another thread does a step of the workload. Where that has to wait for the one that syncs, it
/// gets a little time, and goes on beside it.
package struct Interleavings: Sendable {
    /// From a start to a crash.
    package var livesMax = 4
    /// Steps of a life, besides those beside syncs.
    package var steps = 60
    /// One disk operation of so many that change something and are no plain write is interrupted.
    package var interruptedOneIn = 3
    /// Threads besides the first.
    package var othersMax = 3

    private static let now: Int64 = 1_767_225_600_000
    private static let patienceMilliseconds: Int64 = 5

    package init() {}

    /// One disk, for some lives. `count` of the result: steps of the first thread; `details`:
    /// "interruptions", each a step of another one, "faults" and "lives".
    package func run(seed: UInt64) -> ProofResult {
        let disk = SimulatedDisk.ofProof(seed: seed)
        let ledger = Lock(Ledger())
        var generator = Generator(seed: seed &+ 0xC0FFEE)
        var result = ProofResult()
        for number in 0..<livesMax where result.violationCount == 0 {
            let place = "seed \(seed), life \(number)"
            let life = Life(disk, ledger, seed: generator.next(), self)
            do {
                result.add(try life.run(&generator, now: Self.now + Int64(number) * 1_000_000))
            } catch {
                result.add(violation: "\(place): no start on a healthy disk: \(error)")
            }
            if generator.chance(1, in: 3) { disk.kill() } else { disk.powerCut() }
            for sentence in ledger.withLock({ $0.checkStarts(of: disk, now: Self.now) }) {
                result.add(violation: "\(place), \(sentence)")
            }
        }
        return result
    }

    /// From a start to a crash, and its threads.
    private final class Life: Sendable {
        private struct State {
            var generator: Generator
            var others: [NamedThread] = []
            /// Others that have not come to an end.
            var running = 0
            var syncsSeen = 0
            var isOpen = false
            var interruptions = 0
        }

        private let disk: SimulatedDisk
        private let ledger: Lock<Ledger>
        private let plan: Interleavings
        private let state: Lock<State>
        private let seed: UInt64

        init(
            _ disk: SimulatedDisk, _ ledger: Lock<Ledger>, seed: UInt64, _ plan: Interleavings
        ) {
            self.disk = disk
            self.ledger = ledger
            self.plan = plan
            self.seed = seed
            state = Lock(State(generator: Generator(seed: seed &+ 1)))
        }

        func run(_ generator: inout Generator, now: Int64) throws(LogError) -> ProofResult {
            let workload = try Workload(
                disk: disk, path: "/data", commit: .manual, seed: seed, now: now
            ) { [ledger] event in ledger.withLock { $0.note(event) } }
            disk.setObserver { self.interrupt(workload) }
            let faultsBefore = disk.faultsMet
            let isHealthy = generator.chance(1, in: 2)
            let lastStep = generator.int(1...plan.steps)
            var result = ProofResult()
            for step in 0..<plan.steps {
                if step == lastStep {
                    disk.die(at: disk.operationCount + generator.int(0..<100))
                } else if !isHealthy, generator.chance(1, in: 8) {
                    failSoon(&generator)
                }
                result.count += 1
                let isAlone = generator.chance(1, in: 10)
                if isAlone { join() }
                state.withLock { $0.isOpen = !isAlone }
                do throws(LogError) {
                    try workload.step(isAlone ? .alone : .others)
                } catch {
                    // What a broker does: it answers its client with the error and goes on.
                }
                if disk.isDead { break }
            }
            state.withLock { $0.isOpen = false }
            join()
            disk.setObserver(nil)
            disk.fail(nil)
            result.details = [
                "interruptions": state.withLock { $0.interruptions },
                "faults": disk.faultsMet - faultsBefore, "lives": 1,
            ]
            return result
        }

        private func failSoon(_ generator: inout Generator) {
            let errno = [SystemError.eio, SystemError.enospc, SystemError.emfile]
                .randomElement(using: &generator)!
            let kinds: [Set<SimulatedDisk.Kind>?] = [
                nil, [.sync], [.write], [.syncDirectory], [.open],
            ]
            disk.fail(
                .init(operation: disk.operationCount + generator.int(0..<40), errno: errno),
                only: kinds.randomElement(using: &generator)!)
        }

        /// After an operation of the disk that changed something, on its thread.
        private func interrupt(_ workload: Workload) {
            let syncs = [SimulatedDisk.Kind.sync, .syncDirectory, .name]
                .reduce(0) { $0 + disk.count(of: $1) }
            let isDue = state.withLock { state in
                defer { state.syncsSeen = syncs }
                guard state.isOpen, state.syncsSeen != syncs, state.running < plan.othersMax,
                    state.generator.chance(1, in: plan.interruptedOneIn)
                else { return false }
                state.running += 1
                state.interruptions += 1
                return true
            }
            guard isDue else { return }
            let finished = Lock(false)
            let thread = NamedThread("other") { [self] in
                do throws(LogError) {
                    try workload.step(.others)
                } catch {
                    // As above.
                }
                state.withLock { $0.running -= 1 }
                finished.withLock { $0 = true }
                finished.signal()
            }
            state.withLock { $0.others.append(thread) }
            _ = finished.wait(timeoutMilliseconds: Interleavings.patienceMilliseconds) {
                $0 ? true : nil
            }
        }

        /// Waits for the others to end; no new ones begin when `isOpen` is false.
        private func join() {
            while let thread = state.withLock({ $0.others.popLast() }) { thread.join() }
        }
    }
}
