internal import VarveLog
internal import VarvePlatform
internal import VarveSimulation

/// Crash images (T3): a workload runs on the simulated disk, and after each of its operations
/// that changes something the states that a power cut may leave there are built, recovered and
/// held against the ledger. Recovery is cut short in the same way.
///
/// Where an image differs from others in few pieces (unsynced sectors, sizes and names, each kept
/// or lost) all of them are built, otherwise a random sample.
package struct CrashImages: Sendable {
    /// The most images after one operation.
    package var imagesPerOperation = 8
    /// One image in so many has its recovery cut short at each of its own operations.
    package var nestedOneIn = 50
    /// One image in so many is appended to and cut once more.
    package var furtherLifeOneIn = 4
    /// Operations of the workload.
    package var steps = 80
    /// The most images of one run; it ends when they are made.
    package var imagesMax = Int.max

    package init() {}

    /// One run of the workload. `details` of the result: "nested" images, made inside recovery,
    /// "further lives", and "operations" of the workload's disk after which images were made.
    package func run(seed: UInt64) -> ProofResult {
        let disk = SimulatedDisk.ofProof(seed: seed)
        let world = World(images: self, seed: seed)
        disk.setObserver { [weak disk] in
            guard let disk else { return }
            world.crash(disk)
        }
        do {
            let workload = try Workload(
                disk: disk, path: "/data", commit: .manual, seed: seed, now: World.now
            ) { event in world.ledger.withLock { $0.note(event) } }
            try workload.makeTopic()
            for _ in 0..<steps where !world.isDone { try workload.step() }
        } catch {
            world.violation("the workload failed on a healthy disk: \(error)")
        }
        disk.setObserver(nil)
        return world.result.withLock { $0 }
    }

    private final class World: Sendable {
        static let now: Int64 = 1_767_225_600_000
        let images: CrashImages
        let seed: UInt64
        let ledger = Lock(Ledger())
        let result = Lock(ProofResult())
        private let generator: Lock<Generator>

        init(images: CrashImages, seed: UInt64) {
            self.images = images
            self.seed = seed
            generator = Lock(Generator(seed: seed &+ 0x5EED))
        }

        var isDone: Bool {
            result.withLock { $0.count >= images.imagesMax || $0.violationCount >= 20 }
        }

        func violation(_ sentence: String) {
            result.withLock { $0.add(violation: "seed \(seed): \(sentence)") }
        }

        /// The power may go now.
        func crash(_ disk: SimulatedDisk) {
            result.withLock { $0.details["operations", default: 0] += 1 }
            let place = "after operation \(disk.operationCount)"
            for (number, choices) in choices(disk, imagesPerOperation: images.imagesPerOperation)
                .enumerated()
            {
                if isDone { return }
                let image = Self.cut(disk, choices)
                let before = ledger.withLock { $0 }
                let isNested = generator.withLock { $0.chance(1, in: images.nestedOneIn) }
                if isNested { crashInside(image, before, "\(place) image \(number)") }
                check(image, before, "\(place) image \(number)")
            }
        }

        /// Recovers a copy of `image` and cuts the power after each operation of that.
        private func crashInside(_ image: SimulatedDisk, _ before: Ledger, _ place: String) {
            let copy = image.fork()
            copy.setObserver { [weak copy] in
                guard let copy, !self.isDone else { return }
                for choices in self.choices(copy, imagesPerOperation: 2) {
                    self.result.withLock { $0.details["nested", default: 0] += 1 }
                    self.check(
                        Self.cut(copy, choices), before,
                        "\(place), operation \(copy.operationCount) of recovery")
                }
            }
            _ = try? Workload.open(copy, "/data", .manual, now: Self.now)
            copy.setObserver(nil)
        }

        /// Every combination where those are few, otherwise what was synced, what was written,
        /// and a random sample in between.
        private func choices(_ disk: SimulatedDisk, imagesPerOperation: Int) -> [[Int]] {
            let ways = disk.crashChoices
            var combinations = 1
            for way in ways where combinations <= imagesPerOperation { combinations *= way }
            if combinations <= imagesPerOperation {
                return (0..<combinations).map { number in
                    var rest = number
                    return ways.map { way in
                        defer { rest /= way }
                        return rest % way
                    }
                }
            }
            return generator.withLock { generator in
                (0..<imagesPerOperation).map { number in
                    switch number {
                    case 0: ways.map { _ in 0 }
                    case 1: ways.map { $0 - 1 }
                    default:
                        // Some images lose nearly everything, some nearly nothing.
                        {
                            let keep = [10, 50, 90][generator.int(0..<3)]
                            return ways.map { way in
                                generator.chance(keep, in: 100)
                                    ? way - 1 : generator.int(0..<way)
                            }
                        }()
                    }
                }
            }
        }

        private static func cut(_ disk: SimulatedDisk, _ choices: [Int]) -> SimulatedDisk {
            let image = disk.fork()
            var rest = choices[...]
            image.powerCut { _ in rest.removeFirst() }
            return image
        }

        /// Recovers the image, holds it against the ledger, loses all that is not synced, and
        /// does so again: what was shown once must stay, and nothing is found damaged twice.
        private func check(_ image: SimulatedDisk, _ before: Ledger, _ place: String) {
            let number = result.withLock { result in
                result.count += 1
                return result.count
            }
            var ledger = before
            var aside: [String: [UInt8]] = [:]
            for round in ["", ", once more"] {
                do {
                    let directory = try Workload.open(image, "/data", .manual, now: Self.now)
                    for sentence in ledger.check(directory) {
                        violation("\(place)\(round): \(sentence)")
                    }
                    // What was set aside once is kept (I7).
                    for (path, bytes) in aside where image.contents(path) != bytes {
                        violation("\(place)\(round): \(path) is not as it was set aside")
                    }
                    for damage in directory.recovery.damages where !damage.quarantine.isEmpty {
                        aside[damage.quarantine] = image.contents(damage.quarantine)
                    }
                    if !round.isEmpty, let damage = directory.recovery.damages.first {
                        violation("\(place)\(round): reported again: \(damage)")
                    }
                } catch {
                    violation("\(place)\(round): \(error)")
                    return
                }
                image.powerCut { _ in 0 }
            }
            if number % images.furtherLifeOneIn == 0 { checkFurtherLife(image, &ledger, place) }
        }

        /// Lets a further life append to every partition, cuts its power, and checks once more:
        /// nothing of an earlier life may stand where this one's batches were to be.
        private func checkFurtherLife(
            _ image: SimulatedDisk, _ ledger: inout Ledger, _ place: String
        ) {
            do {
                let directory = try Workload.open(image, "/data", .manual, now: Self.now)
                for log in directory.topics.flatMap(\.partitions) {
                    let partition = Int(log.partition)
                    let batch = ProofBatch(
                        number: generator.withLock { $0.next() >> 1 }, timestamp: Self.now)
                    ledger.note(.appending(topic: log.topic, partition: partition, batch))
                    let result = try log.append(batch.bytes, now: Self.now)
                    ledger.note(
                        .appended(
                            topic: log.topic, partition: partition, batch,
                            base: result.baseOffset, next: result.nextOffset))
                }
                let choices = choices(image, imagesPerOperation: 3).last!
                let cut = Self.cut(image, choices)
                result.withLock { $0.details["further lives", default: 0] += 1 }
                let after = try Workload.open(cut, "/data", .manual, now: Self.now)
                for sentence in ledger.check(after) {
                    violation("\(place), a further life: \(sentence)")
                }
            } catch {
                violation("\(place), a further life: \(error)")
            }
        }
    }
}
