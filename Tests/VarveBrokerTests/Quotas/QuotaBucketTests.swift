import Testing

@testable import VarveBroker

@Suite struct QuotaBucketTests {
    @Test func aQuietClientMayUseItsBurstAtOnceAndOwesWhatIsBeyond() {
        var bucket = QuotaBucket(perSecond: 1000, burstSeconds: 10, now: 0)
        #expect(bucket.take(10_000, now: 0) == 0)
        #expect(bucket.take(500, now: 0) == 500)
        // Half of it is paid after a quarter of a second.
        #expect(bucket.take(0, now: 250) == 250)
        #expect(bucket.take(1, now: 500) == 1)
    }

    @Test(arguments: [1.0, 37, 1000, 12_345_678])
    func whoWaitsAsToldStaysWithinTheQuota(perSecond: Double) {
        var bucket = QuotaBucket(perSecond: perSecond, burstSeconds: 10, now: 0)
        var now: Int64 = 0
        var sent = 0.0
        for _ in 0..<200 {
            now += bucket.take(perSecond * 3, now: now)
            sent += perSecond * 3
        }
        let allowed = perSecond * (10 + Double(now) / 1000)
        #expect(sent <= allowed + perSecond / 100)
        #expect(sent >= allowed * 0.98)
    }

    @Test func creditDoesNotGrowBeyondTheBurst() {
        var bucket = QuotaBucket(perSecond: 100, burstSeconds: 2, now: 0)
        #expect(bucket.isFull(now: 1_000_000))
        #expect(bucket.take(200, now: 1_000_000) == 0)
        #expect(!bucket.isFull(now: 1_000_000))
        #expect(bucket.take(100, now: 1_000_000) == 1000)
    }

    @Test func aClockThatGoesBackGivesNothing() {
        var bucket = QuotaBucket(perSecond: 100, burstSeconds: 1, now: 5000)
        #expect(bucket.take(200, now: 5000) == 1000)
        #expect(bucket.take(0, now: 0) == 1000)
        #expect(bucket.take(0, now: 5500) == 500)
    }

    @Test func debtsOutliveAChangeOfTheQuotaAndLuxuryDoesNot() {
        var bucket = QuotaBucket(perSecond: 100, burstSeconds: 1, now: 0)
        #expect(bucket.take(200, now: 0) == 1000)
        bucket.change(perSecond: 1000, now: 0)
        #expect(bucket.take(0, now: 0) == 100)
        var rich = QuotaBucket(perSecond: 1000, burstSeconds: 1, now: 0)
        rich.change(perSecond: 10, now: 0)
        #expect(rich.take(11, now: 0) == 100)
    }

    @Test func noWaitIsLongerThanAnHour() {
        var bucket = QuotaBucket(perSecond: 1, burstSeconds: 1, now: 0)
        #expect(bucket.take(1e15, now: 0) == QuotaBucket.waitMillisecondsMax)
        #expect(bucket.take(1e300, now: 1) == QuotaBucket.waitMillisecondsMax)
    }
}
