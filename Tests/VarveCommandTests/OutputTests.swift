import Testing
import VarvePlatform

@testable import varve

@Suite struct OutputTests {
    @Test func tableColumnsAreAsWideAsTheirWidestCell() {
        var table = Table(("TOPIC", .left), ("LAG", .right), ("HOST", .left))
        table.row("zeek", "5", "/127.0.0.1")
        table.row("windows", "12345", "")
        #expect(
            table.text == """
                TOPIC      LAG  HOST
                zeek         5  /127.0.0.1
                windows  12345  -

                """)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567"), (-1000, "-1 000"),
        (-100, "-100"),
    ] as [(Int64, String)])
    func countsAreGroupedByThree(value: Int64, text: String) {
        #expect(Quantity.count(value) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"), (Int64.max, "8192.0 PiB"),
    ] as [(Int64, String)])
    func bytesHaveBinaryUnits(value: Int64, text: String) {
        #expect(Quantity.bytes(value) == text)
    }

    @Test(arguments: [
        (250, "250 ms"), (4200, "4.2 s"), (185_000, "3 min 05 s"), (7_800_000, "2 h 10 min"),
        (532_800_000, "6 d 4 h"),
    ] as [(Int64, String)])
    func durationsHaveTwoParts(value: Int64, text: String) {
        #expect(Quantity.duration(milliseconds: value) == text)
    }

    @Test func progressShowsShareRateAndTimeLeft() {
        let bar = ProgressBar("replaying", unit: "events", total: 2000, isEnabled: false)
        #expect(
            bar.text(done: 500, elapsed: 1000)
                == "replaying  [#####---------------]  25 %  500 events  500/s  3.0 s left")
        let endless = ProgressBar("reading", unit: "lines", total: nil, isEnabled: false)
        #expect(endless.text(done: 500, elapsed: 1000) == "reading  500 lines  500/s")
    }

    @Test func progressDrawsNothingWhereNobodyLooks() {
        let drawn = Lock(0)
        let bar = ProgressBar("x", unit: "y", total: 10, isEnabled: false) { _ in
            drawn.withLock { $0 += 1 }
        }
        for _ in 0..<10 { bar.advance() }
        bar.finish()
        #expect(drawn.withLock { $0 } == 0)
    }
}
