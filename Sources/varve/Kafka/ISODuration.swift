/// Durations as kafka-consumer-groups takes them: ISO 8601's `PnDTnHnMnS`.
enum ISODuration {
    /// Milliseconds; nil when `text` is no such duration. Weeks (`PnW`) count; months and years,
    /// which have no fixed length, do not.
    static func milliseconds(_ text: String) -> Int64? {
        guard text.first == "P" else { return nil }
        var rest = text.dropFirst()
        var isTime = false
        var total: Double = 0
        var isAny = false
        while !rest.isEmpty {
            if rest.first == "T" {
                if isTime { return nil }
                isTime = true
                rest = rest.dropFirst()
                continue
            }
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits), let unit = rest.dropFirst(digits.count).first else {
                return nil
            }
            rest = rest.dropFirst(digits.count + 1)
            switch (unit, isTime) {
            case ("W", false): total += number * 604_800_000
            case ("D", false): total += number * 86_400_000
            case ("H", true): total += number * 3_600_000
            case ("M", true): total += number * 60_000
            case ("S", true): total += number * 1000
            default: return nil
            }
            isAny = true
        }
        // More than a hundred million years is a mistake, and would not fit.
        return isAny && total < 3e18 ? Int64(total) : nil
    }
}
