internal import Glibc

/// How much a log line matters.
package enum LogLevel: Int, Comparable, CaseIterable, Sendable {
    case debug, info, warning, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The program's own log: one structured line each to standard error, in logfmt:
/// `time=2026-01-31T12:00:00.000Z level=info at=broker event="listening" address=127.0.0.1:9092`.
///
/// One write call a line, so that lines of several processes do not mix.
package struct Logger: Sendable {
    /// The part of the program that speaks: `broker`, `log`, `worker.search`.
    package let part: String
    private let levelMin: LogLevel
    private let sink: @Sendable (String) -> Void

    package init(
        _ part: String, levelMin: LogLevel = .info,
        sink: @escaping @Sendable (String) -> Void = Logger.standardError
    ) {
        self.part = part
        self.levelMin = levelMin
        self.sink = sink
    }

    /// The same destination and level for another part of the program.
    package func part(_ part: String) -> Logger {
        Logger(part, levelMin: levelMin, sink: sink)
    }

    package func debug(
        _ event: String, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]
    ) {
        write(.debug, event, fields)
    }

    package func info(
        _ event: String, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]
    ) {
        write(.info, event, fields)
    }

    package func warning(
        _ event: String, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]
    ) {
        write(.warning, event, fields)
    }

    package func error(
        _ event: String, _ fields: KeyValuePairs<String, any CustomStringConvertible> = [:]
    ) {
        write(.error, event, fields)
    }

    private func write(
        _ level: LogLevel, _ event: String,
        _ fields: KeyValuePairs<String, any CustomStringConvertible>
    ) {
        guard level >= levelMin else { return }
        var line = "time=\(Self.timestamp()) level=\(level) at=\(part) event=\(Self.quoted(event))"
        for (name, value) in fields { line += " \(name)=\(Self.quoted(value.description))" }
        sink(line)
    }

    /// Writes `line` and a newline to standard error in one call.
    package static let standardError: @Sendable (String) -> Void = { line in
        var text = line + "\n"
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }

    /// Quotes a value that has spaces, quotes, `=` or control characters in it.
    private static func quoted(_ value: String) -> String {
        let plain = value.utf8.allSatisfy {
            $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") && $0 != 0x7F
        }
        if plain && !value.isEmpty { return value }
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func timestamp() -> String {
        Timestamp.text(milliseconds: SystemClock().wallMilliseconds())
    }
}

/// Milliseconds since 1970 as text: RFC 3339 in UTC, with milliseconds.
package enum Timestamp {
    /// `2026-01-31T12:00:00.000Z`; times outside the years 0 to 9999 are cut to them.
    package static func text(milliseconds: Int64) -> String {
        let cut = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let days = Int(floorDivide(cut, 86_400_000))
        let inDay = Int(cut - Int64(days) * 86_400_000)
        let (year, month, day) = civil(days: days)
        return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2) + "T"
            + pad(inDay / 3_600_000, 2) + ":" + pad(inDay / 60_000 % 60, 2) + ":"
            + pad(inDay / 1000 % 60, 2) + "." + pad(inDay % 1000, 3) + "Z"
    }

    /// The UTC date alone, `2026-01-31`.
    package static func date(milliseconds: Int64) -> String {
        String(text(milliseconds: milliseconds).prefix(10))
    }

    /// Days since 1970-01-01 in UTC, negative before it.
    package static func dayNumber(milliseconds: Int64) -> Int64 {
        floorDivide(milliseconds, 86_400_000)
    }

    /// Reads RFC 3339 (`2026-01-31T12:00:00.5Z`, `+01:00`, a space for the T), or a date alone
    /// (midnight UTC). Without a zone it is UTC. Nil when it is no such text.
    package static func milliseconds(_ text: String) -> Int64? {
        var bytes = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int? {
            guard bytes.count >= digits else { return nil }
            var value = 0
            for byte in bytes.prefix(digits) {
                guard byte >= 0x30 && byte <= 0x39 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            bytes = bytes.dropFirst(digits)
            return value
        }
        func skip(_ characters: String) -> Bool {
            guard let byte = bytes.first, characters.utf8.contains(byte) else { return false }
            bytes = bytes.dropFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"),
            let day = number(2), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var result = Int64(self.days(year: year, month: month, day: day)) * 86_400_000
        if bytes.isEmpty { return result }
        guard skip("Tt "), let hour = number(2), skip(":"), let minute = number(2), hour < 24,
            minute < 60
        else { return nil }
        result += Int64(hour) * 3_600_000 + Int64(minute) * 60_000
        if skip(":") {
            guard let second = number(2), second <= 60 else { return nil }
            result += Int64(second) * 1000
            if skip(".,") {
                var scale: Int64 = 100
                guard let first = bytes.first, first >= 0x30 && first <= 0x39 else { return nil }
                while let byte = bytes.first, byte >= 0x30 && byte <= 0x39 {
                    result += Int64(byte - 0x30) * scale
                    scale /= 10
                    bytes = bytes.dropFirst()
                }
            }
        }
        if bytes.isEmpty || skip("Zz") { return bytes.isEmpty ? result : nil }
        let sign: Int64 = bytes.first == UInt8(ascii: "-") ? 1 : -1
        guard skip("+-"), let hours = number(2) else { return nil }
        _ = skip(":")
        guard let minutes = number(2), bytes.isEmpty, hours < 24, minutes < 60 else { return nil }
        return result + sign * (Int64(hours) * 3_600_000 + Int64(minutes) * 60_000)
    }

    /// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The inverse of `days`. Source: as there, civil_from_days.
    package static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch + (monthFromMarch < 10 ? 3 : -9)
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    private static func pad(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
