import Testing
import VarveSimulation

@testable import VarveBroker

/// Regular expressions over names, as RE2 matches them: whole names only.
@Suite struct NamePatternTests {
    private func matches(_ pattern: String, _ name: String) throws -> Bool {
        try NamePattern(pattern).matches(name)
    }

    @Test(arguments: [
        ("events", "events", true), ("events", "events2", false), ("vent", "events", false),
        ("^events$", "events", true), ("^ev.*", "events", true), ("ev", "events", false),
        ("^ev.*", "my-events", false), (".*ts", "events", true), ("", "", true), ("", "a", false),
        ("a|bc|d", "bc", true), ("a|bc|d", "abc", false), ("(a|b)c", "bc", true),
        ("(?:a|b)*", "abba", true), ("(?:a|b)+", "", false), ("ab?c", "ac", true),
        ("a{3}", "aaa", true), ("a{3}", "aa", false), ("a{2,3}", "aaaa", false),
        ("a{2,}", "aaaaa", true), ("a{0,1}b", "b", true), ("a{,2}", "a{,2}", true),
        ("[a-c]+", "abc", true), ("[^a-c]+", "abd", false), ("[]a]", "]", true),
        ("[a-]", "-", true), ("[a\\-z]", "-", true), ("[a\\-z]", "b", false),
        ("[[:digit:]_]+", "1_2", true), ("[^[:alpha:]]", "a", false),
        ("\\d+", "2026", true), ("\\D", "1", false), ("\\w+", "a_1", true), ("\\W", "-", true),
        ("\\s", "a", false), ("logs\\.app", "logs.app", true), ("logs\\.app", "logsxapp", false),
        ("logs.app", "logsxapp", true), ("\\Qa.b\\E+", "a.b", true), ("\\Qa.b", "axb", false),
        ("\\x61", "a", true), ("\\Aa\\z", "a", true), ("a^b", "ab", false), ("a$b", "ab", false),
        ("(?i)Events", "eVENTS", true), ("(?i:E)vents", "eVents", false),
        ("((?i)a)b", "AB", false), ("(?i)[^a]", "A", false), ("(?P<x>a)(?<y>b)", "ab", true),
        ("a*?b+?c??", "aab", true), ("(a*)*", "aaaa", true), ("(a|b|)*c", "abc", true),
        ("x*", "", true), ("(|a)b", "b", true), ("a{1,2}{", "a{", true),
        ("a.c", "aéc", true), ("a[^b]c", "a漢c", true), ("漢+", "漢漢", true),
        ("漢+", "字", false),
        ("(?i)É", "É", true), ("\\Q漢.\\E", "漢.", true), ("\\w+", "é", false),
        ("(^|x)a", "a", true), ("(^|x)a", "xa", true), ("(a$|b)", "b", true),
    ])
    func matchesAsRE2Does(pattern: String, name: String, isMatch: Bool) throws {
        #expect(try matches(pattern, name) == isMatch)
    }

    @Test(arguments: [
        "(", "a)", "[a", "*a", "a**", "a+*", "a{2}{3}", "\\", "[z-a]", "a{3,2}", "a{1001}",
        "(?=a)", "(?!a)", "(?<=a)b", "(a)\\1", "\\p{L}", "\\bx", "[[:nothing:]]", "(?i", "(?P<x",
        "\\y", "\\xZZ", "\\xe9", "[é]", "\\é", "?",
    ])
    func whatCannotBeMatchedIsRefused(pattern: String) {
        #expect(throws: NamePattern.Problem.self) { try NamePattern(pattern) }
    }

    @Test func theReasonSaysWhatAndWhere() {
        #expect(throws: NamePattern.Problem(reason: "a ( without its )", position: 2)) {
            try NamePattern("ab(c")
        }
    }

    @Test(arguments: [
        "(a{100}){100}", "((((a{9}){9}){9}){9}){9}", "((){1000}){1000}",
        String(repeating: "(", count: 500) + String(repeating: ")", count: 500),
        String(repeating: "a", count: 3000),
    ])
    func anExpressionThatIsTooLargeIsRefused(pattern: String) {
        let start = ContinuousClock.now
        #expect(throws: NamePattern.Problem.self) { try NamePattern(pattern) }
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    /// What makes a backtracking engine take for ever.
    @Test func timeIsBounded() throws {
        let name = String(repeating: "a", count: 249)
        let names = Array(repeating: name, count: 20)
        let start = ContinuousClock.now
        #expect(try NamePattern("(a*)*b").matching(names).isEmpty)
        #expect(try NamePattern("(a|a)*(a|a)*(a|a)*x").matching(names).isEmpty)
        #expect(try NamePattern("(a?){150}a{100}").matching(names).count == 20)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    /// Against a matcher that tries everything, on small expressions and names.
    @Test func agreesWithAPlainMatcher() throws {
        var random = Generator("agreesWithAPlainMatcher")
        for _ in 0..<2_000 {
            let node = Self.random(&random, depth: 3)
            let pattern = try NamePattern(node.text)
            for _ in 0..<8 {
                let name = (0..<random.below(6)).map { _ in random.below(2) == 0 ? "a" : "b" }
                    .joined()
                let bytes = Array(name)
                let expected = node.ends(bytes, 0).contains(bytes.count)
                #expect(pattern.matches(name) == expected, "\(node.text) and \"\(name)\"")
            }
        }
    }

    private indirect enum Node {
        case letter(Character)
        case any
        case sequence(Node, Node)
        case choice(Node, Node)
        case star(Node)
        case counted(Node, Int, Int)

        var text: String {
            switch self {
            case .letter(let letter): String(letter)
            case .any: "."
            case .sequence(let left, let right): left.text + right.text
            case .choice(let left, let right): "(\(left.text)|\(right.text))"
            case .star(let node): "(\(node.text))*"
            case .counted(let node, let least, let most): "(\(node.text)){\(least),\(most)}"
            }
        }

        /// Where a match from `start` can end.
        func ends(_ name: [Character], _ start: Int) -> Set<Int> {
            switch self {
            case .letter(let letter):
                return start < name.count && name[start] == letter ? [start + 1] : []
            case .any: return start < name.count ? [start + 1] : []
            case .sequence(let left, let right):
                return Set(left.ends(name, start).flatMap { right.ends(name, $0) })
            case .choice(let left, let right):
                return left.ends(name, start).union(right.ends(name, start))
            case .star(let node):
                var all: Set<Int> = [start]
                var fresh = all
                while !fresh.isEmpty {
                    fresh = Set(fresh.flatMap { node.ends(name, $0) }).subtracting(all)
                    all.formUnion(fresh)
                }
                return all
            case .counted(let node, let least, let most):
                var current: Set<Int> = [start]
                var all: Set<Int> = least == 0 ? current : []
                for round in 1...max(most, 1) where round <= most {
                    current = Set(current.flatMap { node.ends(name, $0) })
                    if round >= least { all.formUnion(current) }
                }
                return all
            }
        }
    }

    private static func random(_ random: inout Generator, depth: Int) -> Node {
        switch depth == 0 ? random.below(3) : random.below(7) {
        case 0: return .letter("a")
        case 1: return .letter("b")
        case 2: return .any
        case 3:
            return .sequence(
                Self.random(&random, depth: depth - 1), Self.random(&random, depth: depth - 1))
        case 4:
            return .choice(
                Self.random(&random, depth: depth - 1), Self.random(&random, depth: depth - 1))
        case 5: return .star(Self.random(&random, depth: depth - 1))
        default:
            let least = random.below(3)
            return .counted(
                Self.random(&random, depth: depth - 1), least, least + random.below(2))
        }
    }
}
