import Testing
import VarvePlatform

@testable import VarveBroker

struct ResponseQueueTests {
    private func check(_ value: Bool, _ wanted: Bool) { #expect(value == wanted) }

    @Test func answersLeaveInTheOrderOfTheirRequests() {
        var queue = ResponseQueue()
        var random = SplitMix(state: 7)
        var waiting: [UInt64] = []
        var left: [UInt8] = []
        var opened: UInt64 = 0
        for _ in 0..<5000 {
            if waiting.isEmpty || Int.random(in: 0..<3, using: &random) > 0 && waiting.count < 600 {
                let number = queue.open()
                #expect(number == opened)
                waiting.append(opened)
                opened += 1
            } else {
                let number = waiting.remove(at: Int.random(in: 0..<waiting.count, using: &random))
                let answer = [ByteSlice([UInt8(truncatingIfNeeded: number)])]
                check(queue.complete(number, answer), true)
                while let pieces = queue.popReady() { left.append(pieces[0][0]) }
            }
        }
        for number in waiting {
            check(queue.complete(number, [ByteSlice([UInt8(truncatingIfNeeded: number)])]), true)
        }
        while let pieces = queue.popReady() { left.append(pieces[0][0]) }
        #expect(left == (0..<opened).map { UInt8(truncatingIfNeeded: $0) })
        #expect(queue.count == 0)
    }

    @Test func aSecondAnswerToOneRequestIsRefused() {
        var queue = ResponseQueue()
        let first = queue.open()
        let second = queue.open()
        check(queue.complete(second, []), true)
        check(queue.complete(second, []), false)
        check(queue.complete(first, []), true)
        while let pieces = queue.popReady() { #expect(pieces.isEmpty) }
        check(queue.complete(first, []), false)
        check(queue.complete(99, []), false)
    }
}

struct TimerQueueTests {
    @Test func timersRunInTheOrderOfTheirDeadlinesAndCancelledOnesDoNot() {
        var queue = TimerQueue()
        var random = SplitMix(state: 11)
        var ran: [Int64] = []
        var cancelled: Set<Int64> = []
        for index in 0..<1000 {
            let deadline = Int64.random(in: 0..<100_000, using: &random) * 1000 + Int64(index)
            let identifier = queue.add(at: deadline) { ran.append(deadline) }
            if Bool.random(using: &random) {
                queue.cancel(identifier)
                cancelled.insert(deadline)
            }
        }
        var now: Int64 = 0
        while queue.count > 0 {
            now += 1_000_000
            while let action = queue.takeDue(now: now) { action() }
            #expect(ran.allSatisfy { $0 <= now })
        }
        #expect(ran == ran.sorted())
        #expect(ran.count + cancelled.count == 1000)
        #expect(cancelled.isDisjoint(with: ran))
    }
}

struct MemoryBudgetTests {
    @Test func nothingBeyondTheBudgetIsReserved() {
        let budget = MemoryBudget(bytesMax: 100)
        #expect(budget.reserve(60))
        #expect(!budget.reserve(41))
        #expect(budget.bytesUsed == 60)
        #expect(budget.reserve(40))
        budget.release(100)
        #expect(budget.bytesUsed == 0)
    }
}

struct LogLimiterTests {
    @Test func linesBeyondTheRateAreCountedInsteadOfWritten() {
        let limiter = LogLimiter(linesPerSecond: 2)
        #expect([0, 1, 2, 3].map { limiter.admit(now: $0) } == [0, 0, nil, nil])
        #expect(limiter.admit(now: 1000) == 2)
        #expect(limiter.admit(now: 1001) == 0)
    }
}
