/// What a measure has left: fills at the quota's rate up to so many seconds of it, and may go below
/// zero, which is the time that its clients have to wait. A value without a clock.
///
/// Kafka allows the same: its rate is an average over `quota.window.num` windows of
/// `quota.window.size.seconds`, so a client that was quiet may send so much at once.
struct QuotaBucket: Sendable {
    private(set) var perSecond: Double
    private let burstSeconds: Double
    private var credit: Double
    private var filledAt: Int64

    /// Full at `now`, in monotonic milliseconds.
    init(perSecond: Double, burstSeconds: Double, now: Int64) {
        self.perSecond = perSecond
        self.burstSeconds = burstSeconds
        credit = perSecond * burstSeconds
        filledAt = now
    }

    /// Takes `amount` and returns how many milliseconds pass until nothing is owed any more.
    mutating func take(_ amount: Double, now: Int64) -> Int64 {
        fill(now)
        credit -= amount
        return owedMilliseconds
    }

    /// A full bucket is as good as none.
    func isFull(now: Int64) -> Bool {
        var filled = self
        filled.fill(now)
        return filled.credit >= perSecond * burstSeconds
    }

    /// Goes on with another quota. What is owed stays owed, what is left over is kept within it.
    mutating func change(perSecond: Double, now: Int64) {
        fill(now)
        self.perSecond = perSecond
        credit = min(credit, perSecond * burstSeconds)
    }

    private mutating func fill(_ now: Int64) {
        let seconds = Double(max(0, now - filledAt)) / 1000
        credit = min(perSecond * burstSeconds, credit + seconds * perSecond)
        filledAt = max(filledAt, now)
    }

    private var owedMilliseconds: Int64 {
        guard credit < 0 else { return 0 }
        let milliseconds = (-credit / perSecond * 1000).rounded(.up)
        // A quota of one byte a second and a request of many would be years.
        return Int64(min(milliseconds, Double(Self.waitMillisecondsMax)))
    }

    /// The longest wait that is ever asked for.
    static let waitMillisecondsMax: Int64 = 3_600_000
}
