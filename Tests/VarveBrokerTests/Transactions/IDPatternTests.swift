import Testing

@testable import VarveBroker

struct IDPatternTests {
    @Test func wholeNamesMatchAsTheSyntaxSays() throws {
        let table: [(pattern: String, matches: [String], others: [String])] = [
            ("abc", ["abc"], ["ab", "abcd", "xabc", ""]),
            ("", [""], ["a"]),
            ("a.c", ["abc", "a.c", "aéc"], ["ac", "abbc"]),
            ("a\\.c", ["a.c"], ["abc"]),
            ("^app-.*$", ["app-", "app-1"], ["app", "my-app-1"]),
            ("a*b+c?", ["b", "aabb", "abc"], ["a", "c", "aac"]),
            ("(ab|cd)+", ["ab", "abcd", "cdcd"], ["", "abc"]),
            ("(?:x|y|)z", ["xz", "yz", "z"], ["xyz"]),
            ("[a-c_]{2,3}", ["ab", "c_a"], ["a", "abca", "dd"]),
            ("[^0-9]*", ["", "abc"], ["a1"]),
            ("[]a]+", ["]a"], ["b"]),
            ("[a-]+", ["a-a"], ["b"]),
            ("[\\d.]+", ["1.2"], ["1,2"]),
            ("\\w+-\\d{3}", ["job_1-042"], ["job-42", "-042"]),
            ("\\S+", ["a"], ["a b"]),
            ("x{3}", ["xxx"], ["xx", "xxxx"]),
            ("x{2,}", ["xx", "xxxxx"], ["x"]),
            ("x+?y*?", ["xxyy"], ["y"]),
            ("(a*)*", ["", "aaa"], ["b"]),
            ("漢+", ["漢漢"], ["字"]),
        ]
        for (pattern, matches, others) in table {
            let compiled = try IDPattern(pattern)
            for name in matches { #expect(compiled.matches(name), "\(pattern) and \(name)") }
            for name in others { #expect(!compiled.matches(name), "\(pattern) and \(name)") }
        }
    }

    @Test func whatIsNoPatternIsRefused() {
        let refused = [
            "(", ")", "a)", "[", "[a", "*", "+a", "a{", "a{}", "a{2,1}", "a{1001}", "\\", "\\q",
            "(?=a)", "[b-a]", "a^b", "[\\D]", "(a{1000}){1000}",
            String(repeating: "(", count: 600), String(repeating: "a", count: 1001),
        ]
        for pattern in refused {
            #expect(throws: IDPattern.Malformed.self, "\(pattern)") { try IDPattern(pattern) }
        }
    }

    /// What brings a matcher that goes back to its knees.
    @Test func noPatternTakesLong() throws {
        let name = String(repeating: "a", count: 3000)
        let start = ContinuousClock.now
        for pattern in ["(a*)*b", "(a|a)*b", "(a|aa)+b", "a{0,500}a{0,500}b"] {
            #expect(try !IDPattern(pattern).matches(name))
        }
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
