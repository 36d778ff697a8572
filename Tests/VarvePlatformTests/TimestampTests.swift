import Foundation
import Testing
import VarvePlatform

@Suite struct TimestampTests {
    @Test func agreesWithFoundationOverTheCenturies() throws {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime]
        var seconds: Int64 = -5_000_000_000
        while seconds < 20_000_000_000 {
            let text = Timestamp.text(milliseconds: seconds * 1000 + 7)
            let date = Date(timeIntervalSince1970: Double(seconds))
            #expect(text == formatter.string(from: date).dropLast() + ".007Z")
            #expect(Timestamp.milliseconds(text) == seconds * 1000 + 7)
            seconds += 86_400 * 23 + 3_723
        }
    }

    @Test(arguments: [
        ("1970-01-01", Int64(0)), ("1970-01-01T00:00:01Z", 1000),
        ("2026-01-31 12:00:00", 1_769_860_800_000),
        ("2026-01-31T12:00:00.5+01:00", 1_769_857_200_500),
        ("2026-01-31T12:00:00.123456789Z", 1_769_860_800_123),
        ("2024-02-29T00:00Z", 1_709_164_800_000), ("1969-12-31T23:59:59.999Z", -1),
        ("2026-01-31T12:00:00-0530", 1_769_880_600_000),
    ])
    func readsTheFormsPeopleType(text: String, expected: Int64) {
        #expect(Timestamp.milliseconds(text) == expected)
    }

    @Test(arguments: [
        "", "yesterday", "2026-1-1", "2026-13-01", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00.Z", "2026-01-01x", "2026-01-01T00:00:00+1",
    ])
    func refusesWhatIsNoTime(text: String) {
        #expect(Timestamp.milliseconds(text) == nil)
    }

    @Test func timesOutsideTheCalendarAreCutNotTrapped() {
        #expect(Timestamp.text(milliseconds: .max) == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp.text(milliseconds: .min) == "0000-01-01T00:00:00.000Z")
    }
}
