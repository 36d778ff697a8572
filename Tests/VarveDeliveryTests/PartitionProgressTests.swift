import Testing
import VarveSimulation

@testable import VarveDelivery

@Suite struct PartitionProgressTests {
    @Test func thePositionPassesOnlyWhatIsFinished() {
        var progress = PartitionProgress()
        #expect(progress.position == nil)
        progress.begin(5, next: 6)
        progress.begin(6, next: 9)
        progress.begin(9, next: 10)
        #expect(progress.position == 5)
        progress.finish(6)
        progress.finish(9)
        #expect(progress.position == 5)
        progress.finish(5)
        #expect(progress.position == 10)
        #expect(progress.pendingCount == 0)
    }

    @Test func aVerdictCountsOnce() {
        var progress = PartitionProgress()
        progress.begin(0, next: 1)
        progress.begin(1, next: 2)
        let counts = [1, 1, 7, 0, 0].map { progress.finish($0) }
        #expect(counts == [true, false, false, true, false])
        #expect(progress.pendingCount == 0)
        #expect(progress.position == 2)
    }

    @Test func offsetsThatHoldNothingArePassedWithTheirNeighbours() {
        var progress = PartitionProgress()
        progress.skip(to: 3)
        #expect(progress.position == 3)
        progress.begin(3, next: 4)
        progress.skip(to: 8)
        progress.begin(8, next: 9)
        #expect(progress.position == 3)
        progress.finish(3)
        #expect(progress.position == 8)
        progress.skip(to: 5)
        #expect(progress.end == 9)
    }

    @Test func matchesAPlainModelInRandomOrder() {
        var generator = Generator("matchesAPlainModelInRandomOrder")
        for _ in 0..<200 {
            var progress = PartitionProgress()
            var begun: [(offset: Int64, next: Int64)] = []
            var finished: Set<Int64> = []
            var next: Int64 = Int64.random(in: 0...5, using: &generator)
            for _ in 0..<Int.random(in: 1...300, using: &generator) {
                if Bool.random(using: &generator) {
                    let offset = next
                    next += Int64.random(in: 1...3, using: &generator)
                    begun.append((offset, next))
                    progress.begin(offset, next: next)
                } else if let entry = begun.randomElement(using: &generator) {
                    let isNew = progress.finish(entry.offset)
                    #expect(isNew == finished.insert(entry.offset).inserted)
                }
                let hole = begun.first { !finished.contains($0.offset) }
                #expect(progress.position == (begun.isEmpty ? nil : hole?.offset ?? next))
                #expect(progress.pendingCount == begun.count - finished.count)
            }
        }
    }

    @Test func theQueueKeepsItsOrder() {
        var generator = Generator("theQueueKeepsItsOrder")
        var queue = FIFO<Int>()
        var model: [Int] = []
        for number in 0..<5000 {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1, 2:
                queue.append(number)
                model.append(number)
            case 3:
                if !model.isEmpty {
                    let first = model.removeFirst()
                    #expect(queue.first == first)
                    queue.removeFirst()
                }
            default:
                let digit = Int.random(in: 0..<30, using: &generator)
                let removed = queue.removeAll { $0 % 30 == digit }
                #expect(removed == model.filter { $0 % 30 == digit })
                model.removeAll { $0 % 30 == digit }
            }
            #expect(queue.count == model.count && queue.first == model.first)
            if !model.isEmpty { #expect(queue[model.count / 2] == model[model.count / 2]) }
        }
    }
}
