/// From the subject of a client's certificate to its principal's name:
/// `ssl.principal.mapping.rules`. Source: KIP-371, Kafka's `SslPrincipalMapper`.
///
///     RULE:^CN=(.*?),OU=sensors.*$/$1/L,DEFAULT
///
/// The first rule whose expression is the whole subject gives the name: its replacement, with $1,
/// $2… for what the groups hold, in lower (L) or upper (U) case where it says so. DEFAULT gives the
/// subject itself. A comma separates rules; in an expression and a replacement \/ is a slash.
struct PrincipalMapping: Sendable {
    private enum Letters { case asTheyAre, lower, upper }

    private enum Rule {
        case subject
        /// The expression is kept as text: a compiled one cannot be shared between threads, and a
        /// handshake costs far more than compiling it.
        case rewritten(pattern: String, replacement: String, Letters)
    }

    /// Why the rules cannot be had.
    struct Problem: Error {
        let reason: String
    }

    private let rules: [Rule]

    init(_ text: String) throws(Problem) {
        var scanner = Scanner(text)
        var rules: [Rule] = []
        while let rule = try scanner.next() { rules.append(rule) }
        self.rules = rules
    }

    /// The name of who has a certificate of `subject`; nil where no rule applies.
    func name(of subject: String) -> String? {
        for rule in rules {
            switch rule {
            case .subject: return subject
            case .rewritten(let pattern, let replacement, let letters):
                guard let groups = Self.groups(of: pattern, in: subject) else { continue }
                let name = Self.filled(replacement, with: groups)
                switch letters {
                case .asTheyAre: return name
                case .lower: return name.lowercased()
                case .upper: return name.uppercased()
                }
            }
        }
        return nil
    }

    /// The whole match and what each group holds; nil where `pattern` is not the whole of `text`.
    private static func groups(of pattern: String, in text: String) -> [Substring]? {
        do {
            let regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
            return try regex.wholeMatch(in: text)?.output.map { $0.substring ?? "" }
        } catch {
            // It compiled when the rules were read.
            return nil
        }
    }

    /// `replacement` with $1, $2… replaced. As in Kafka, $12 is the twelfth group where there are
    /// so many, else the first and a 2, and the number of a group that there is none of stays.
    private static func filled(_ replacement: String, with groups: [Substring]) -> String {
        var result = ""
        var rest = Substring(replacement)
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.popFirst() {
                result.append(next)
            } else if character == "$" {
                var digits = rest.prefix { $0.isASCII && $0.isNumber }
                while let number = Int(digits), number >= groups.count, digits.count > 1 {
                    digits.removeLast()
                }
                if let number = Int(digits), number < groups.count {
                    result += groups[number]
                    rest.removeFirst(digits.count)
                } else {
                    result.append(character)
                }
            } else {
                result.append(character)
            }
        }
        return result
    }

    /// Cuts the setting into its rules.
    private struct Scanner {
        private let text: String
        private var rest: Substring

        init(_ text: String) {
            self.text = text
            rest = Substring(text)
        }

        mutating func next() throws(Problem) -> Rule? {
            rest = rest.drop { $0.isWhitespace || $0 == "," }
            if rest.isEmpty { return nil }
            let rule = try rule()
            rest = rest.drop { $0.isWhitespace }
            guard rest.isEmpty || rest.first == "," else {
                throw Problem(reason: "a comma is missing before \"\(rest)\"")
            }
            return rule
        }

        private mutating func rule() throws(Problem) -> Rule {
            if take("DEFAULT") { return .subject }
            guard take("RULE:") else {
                throw Problem(
                    reason: "expected DEFAULT or RULE:pattern/replacement/ at \"\(rest)\"")
            }
            let pattern = try part("pattern")
            let replacement = try part("replacement")
            do {
                _ = try Regex(pattern)
            } catch {
                throw Problem(reason: "\"\(pattern)\" is no regular expression: \(error)")
            }
            let letters: Letters = take("L") ? .lower : take("U") ? .upper : .asTheyAre
            return .rewritten(pattern: pattern, replacement: replacement, letters)
        }

        private mutating func take(_ word: String) -> Bool {
            guard rest.hasPrefix(word) else { return false }
            rest.removeFirst(word.count)
            return true
        }

        /// What stands before the next slash that no backslash is before.
        private mutating func part(_ name: String) throws(Problem) -> String {
            var found = ""
            while let character = rest.popFirst() {
                if character == "/" { return found }
                found.append(character)
                if character == "\\", let next = rest.popFirst() { found.append(next) }
            }
            throw Problem(reason: "the \(name) in \"\(text)\" does not end with a slash")
        }
    }
}

extension BrokerSettings {
    static let principalMappingName = "ssl.principal.mapping.rules"

    /// - Throws: `.badSetting`.
    func principalMapping() throws(BrokerError) -> PrincipalMapping {
        do throws(PrincipalMapping.Problem) {
            return try PrincipalMapping(value(of: Self.principalMappingName))
        } catch {
            throw .badSetting(name: Self.principalMappingName, reason: error.reason)
        }
    }
}
