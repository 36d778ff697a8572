/// Numbers as people read them.
package enum Quantity {
    /// `1 234 567`: groups of three with thin room, so that counts can be compared by eye.
    package static func count(_ value: Int64) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += " " }
            text.append(digit)
        }
        return text
    }

    /// `0 B`, `512 B`, `1.5 KiB`, `3.2 GiB`.
    package static func bytes(_ value: Int64) -> String {
        var rest = Double(value)
        var unit = 0
        while rest >= 1024, unit < 5 {
            rest /= 1024
            unit += 1
        }
        let name = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit]
        return unit == 0 ? "\(value) B" : "\(tenths(rest)) \(name)"
    }

    /// `250 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`, `6 d 4 h`.
    package static func duration(milliseconds value: Int64) -> String {
        let seconds = value / 1000
        switch value {
        case ..<1000: return "\(value) ms"
        case ..<60_000: return "\(tenths(Double(value) / 1000)) s"
        case ..<3_600_000: return "\(seconds / 60) min \(pad(seconds % 60)) s"
        case ..<86_400_000: return "\(seconds / 3600) h \(pad(seconds / 60 % 60)) min"
        default: return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func pad(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
