import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

/// Commits that wait for the end of their thread's turn, which may run a lone one.
@Suite struct CommitTurnTests {
    /// A partition whose file exists, everything durable, and the turn of a thread that appends.
    private struct World {
        static let now: Int64 = 1_767_225_600_000
        let disk = SimulatedDisk(seed: 1)
        let directory: DataDirectory
        let turn = CommitTurn()
        let answers = Lock<[String]>([])

        var log: PartitionLog { directory.topic("events")!.partitions[0] }

        /// - Parameter isQuick: as many syncs have been as it takes to trust the device.
        init(isQuick: Bool = true) throws {
            directory = try DataDirectory.open(
                path: "/data", disk: disk,
                options: DataDirectoryOptions(commit: .threads(syncers: 2)), now: Self.now,
                logger: nil)
            try directory.createTopic("events", partitions: 2, now: Self.now)
            for log in directory.topic("events")!.partitions { try append(to: log) }
            directory.commitNow()
            if isQuick {
                try directory.createTopic("quick", partitions: 1, now: Self.now)
                for _ in 0..<100 {
                    try append(to: directory.topic("quick")!.partitions[0])
                    directory.commitNow()
                }
            }
            answers.withLock { $0 = [] }
        }

        func append(to log: PartitionLog? = nil) throws {
            let log = log ?? self.log
            let result = try log.append(Batches.batch([[1, 2, 3]]), now: Self.now)
            let thread = ObjectIdentifier(Thread.current)
            log.whenDurable(result) { [answers] error in
                let isHere = ObjectIdentifier(Thread.current) == thread
                let place = isHere ? "here" : "elsewhere"
                answers.withLock { $0.append(error == nil ? place : "\(place): \(error!)") }
                answers.signal()
            }
        }

        /// What the next answers are, as soon as there are so many.
        func answers(_ count: Int) -> [String] {
            answers.wait(timeoutMilliseconds: 20_000) { $0.count >= count ? $0 : nil } ?? []
        }

        /// Appends with the turn open.
        func appendInTurn(to log: PartitionLog? = nil) throws {
            turn.isOpen = true
            defer { turn.isOpen = false }
            try append(to: log)
        }
    }

    @Test func aCommitInAnOpenTurnRunsOnItsThreadAtTheEnd() throws {
        let world = try World()
        let syncs = world.disk.count(of: .sync)
        try world.turn.run {
            try world.appendInTurn()
            #expect(world.turn.isWaiting)
            #expect(world.disk.count(of: .sync) == syncs && world.log.durableEnd == 1)
            world.turn.finish(runsHere: true)
            #expect(!world.turn.isWaiting)
        }
        #expect(world.log.durableEnd == 2)
        #expect(world.answers(1) == ["here"])
        try world.directory.close(now: World.now)
    }

    @Test func whatIsHandedOverIsTheThreadsWork() throws {
        let world = try World()
        try world.turn.run {
            try world.appendInTurn()
            world.turn.finish(runsHere: false)
            #expect(!world.turn.isWaiting)
            #expect(world.answers(1) == ["elsewhere"])
        }
        try world.directory.close(now: World.now)
    }

    @Test func noCommitWaitsWhereThereIsNoOpenTurn() throws {
        let world = try World()
        try world.turn.run {
            try world.append()
            #expect(!world.turn.isWaiting && world.answers(1).count == 1)
        }
        // It is this thread's no more.
        try world.appendInTurn()
        #expect(!world.turn.isWaiting && world.answers(2).count == 2)
        try world.directory.close(now: World.now)
    }

    @Test func severalCommitsWaitAndAreTheThreadsWork() throws {
        let world = try World()
        let other = world.directory.topic("events")!.partitions[1]
        try world.turn.run {
            try world.appendInTurn()
            try world.appendInTurn(to: other)
            // Further batches of one that waits are covered by its commit.
            try world.appendInTurn()
            #expect(world.log.durableEnd == 1 && other.durableEnd == 1)
            world.turn.finish(runsHere: true)
            #expect(world.answers(3) == ["elsewhere", "elsewhere", "elsewhere"])
            #expect(world.log.durableEnd == 3 && other.durableEnd == 2)
        }
        try world.directory.close(now: World.now)
    }

    @Test func aFailedSyncIsNoAcknowledgement() throws {
        let world = try World()
        try world.turn.run {
            try world.appendInTurn()
            world.disk.fail(
                .init(operation: world.disk.operationCount, errno: SystemError.eio, isLasting: true),
                only: [.sync])
            world.turn.finish(runsHere: true)
        }
        #expect(world.answers(1).first?.hasPrefix("here: ") == true, "\(world.answers(1))")
        #expect(!world.log.isOnline && world.log.durableEnd == 1)
    }

    @Test func nobodyIsIdleBeforeTheTurnHasEnded() throws {
        let world = try World()
        try world.turn.run {
            try world.appendInTurn()
            let isIdle = Lock(false)
            let waiting = NamedThread("commit now") { [directory = world.directory] in
                directory.commitNow()
                isIdle.withLock { $0 = true }
            }
            Thread.sleep(forTimeInterval: 0.1)
            #expect(!isIdle.withLock { $0 })
            world.turn.finish(runsHere: true)
            waiting.join()
            #expect(isIdle.withLock { $0 } && world.log.durableEnd == 2)
        }
        try world.directory.close(now: World.now)
    }

    /// A new segment's name has to be durable too: that takes longer than one sync.
    @Test func aCommitOfMoreThanOneSyncIsTheThreadsWork() throws {
        let world = try World()
        try world.directory.setConfiguration("events", overrides: ["segment.bytes": "1024"])
        let here = ObjectIdentifier(Thread.current)
        let operations = Lock(0)
        world.disk.setObserver {
            if ObjectIdentifier(Thread.current) == here { operations.withLock { $0 += 1 } }
        }
        try world.turn.run {
            for count in 1...20 {
                try world.appendInTurn()
                operations.withLock { $0 = 0 }
                world.turn.finish(runsHere: true)
                #expect(operations.withLock { $0 } <= 1, "more than a sync of batch \(count)")
                #expect(world.answers(count).count == count)
            }
        }
        let answers = world.answers(20)
        #expect(answers.first == "here" && answers.contains("elsewhere"), "\(answers)")
        try world.directory.close(now: World.now)
    }

    /// Syncs make room for files to be opened: also those that wait for the end of the turn.
    @Test func aTurnWithMoreFilesThanMayBeOpenGoesOn() throws {
        var options = DataDirectoryOptions(commit: .threads(syncers: 2))
        options.openFilesMax = 4
        let directory = try DataDirectory.open(
            path: "/data", disk: SimulatedDisk(seed: 1), options: options, now: World.now,
            logger: nil)
        let logs = try directory.createTopic("events", partitions: 12, now: World.now).partitions
        let turn = CommitTurn()
        try turn.run {
            turn.isOpen = true
            for log in logs { _ = try log.append(Batches.batch([[1, 2, 3]]), now: World.now) }
            turn.isOpen = false
            turn.finish(runsHere: true)
        }
        directory.commitNow()
        #expect(logs.allSatisfy { $0.durableEnd == 1 })
        try directory.close(now: World.now)
    }

    @Test func aSlowDeviceIsNotWaitedFor() {
        let pace = SyncPace()
        for _ in 0..<63 { pace.note(nanoseconds: 1_900_000) }
        #expect(!pace.isQuick)
        pace.note(nanoseconds: 1)
        #expect(pace.isQuick)
        for _ in 0..<1000 { pace.note(nanoseconds: 1) }
        // However quick it was before.
        pace.note(nanoseconds: 2_100_000)
        #expect(!pace.isQuick)
        for _ in 0..<64 { pace.note(nanoseconds: 1) }
        #expect(pace.isQuick)
    }

    @Test func aDeviceThatHasNotBeenQuickYetIsNotWaitedFor() throws {
        let world = try World(isQuick: false)
        try world.turn.run {
            try world.appendInTurn()
            world.turn.finish(runsHere: true)
            #expect(world.answers(1) == ["elsewhere"])
        }
        try world.directory.close(now: World.now)
    }
}
