/// A regular expression over whole names, matched in time proportional to its size and the name's,
/// whatever a client sends (I8): all ways to match go on side by side, none is taken back.
///
///     literal characters     .  any           [a-z] [^a-z]  classes
///     \d \w \s \D \W \S      \. and other escaped punctuation
///     ( ) (?: )  groups      |  either        * + ? {m} {m,} {m,n}  repeats, ? behind them ignored
///     ^ $  at the ends, where they change nothing
///
/// That is the part of RE2's syntax that names need; anything else is refused. Source: Thompson,
/// "Regular Expression Search Algorithm" (1968); RE2's syntax page.
struct IDPattern: Sendable {
    /// Why a text is no pattern.
    struct Malformed: Error {
        let reason: String
    }

    /// Bytes of a pattern, at most.
    static let byteCountMax = 1000
    /// Steps of the program that a pattern becomes, at most: repeats are written out.
    static let stepCountMax = 5000

    private indirect enum Node {
        case set([ClosedRange<UInt32>], isNegated: Bool)
        case sequence([Node])
        case either([Node])
        /// `atMost` nil: without bound.
        case repeated(Node, atLeast: Int, atMost: Int?)
    }

    private enum Step: Sendable {
        case set([ClosedRange<UInt32>], isNegated: Bool)
        /// Goes on at both.
        case split(Int, Int)
        case jump(Int)
        case match
    }

    private let steps: [Step]

    /// - Throws: `Malformed`.
    init(_ text: String) throws(Malformed) {
        guard text.utf8.count <= Self.byteCountMax else {
            throw Malformed(reason: "longer than \(Self.byteCountMax) bytes")
        }
        var parser = Parser(text)
        var steps: [Step] = []
        try Self.compile(try parser.parse(), into: &steps)
        steps.append(.match)
        self.steps = steps
    }

    /// Whether the whole of `name` fits the pattern.
    func matches(_ name: String) -> Bool {
        var active: [Int] = []
        var seen = [Int](repeating: -1, count: steps.count)
        add(0, to: &active, &seen, at: 0)
        var position = 0
        for scalar in name.unicodeScalars {
            guard !active.isEmpty else { return false }
            position += 1
            var next: [Int] = []
            for index in active {
                guard case .set(let ranges, let isNegated) = steps[index],
                    ranges.contains(where: { $0.contains(scalar.value) }) != isNegated
                else { continue }
                add(index + 1, to: &next, &seen, at: position)
            }
            active = next
        }
        return active.contains { if case .match = steps[$0] { true } else { false } }
    }

    /// Adds the step, and all that are reached from it without a character.
    private func add(_ first: Int, to active: inout [Int], _ seen: inout [Int], at position: Int) {
        var waiting = [first]
        while let index = waiting.popLast() {
            guard seen[index] != position else { continue }
            seen[index] = position
            switch steps[index] {
            case .jump(let target): waiting.append(target)
            case .split(let one, let other): waiting += [one, other]
            case .set, .match: active.append(index)
            }
        }
    }

    private static func compile(_ node: Node, into steps: inout [Step]) throws(Malformed) {
        guard steps.count < stepCountMax else { throw Malformed(reason: "too many repeats") }
        switch node {
        case .set(let ranges, let isNegated): steps.append(.set(ranges, isNegated: isNegated))
        case .sequence(let nodes): for node in nodes { try compile(node, into: &steps) }
        case .either(let nodes):
            var ends: [Int] = []
            for (index, node) in nodes.enumerated() {
                guard index < nodes.count - 1 else {
                    try compile(node, into: &steps)
                    break
                }
                let split = steps.count
                steps.append(.split(split + 1, 0))
                try compile(node, into: &steps)
                ends.append(steps.count)
                steps.append(.jump(0))
                steps[split] = .split(split + 1, steps.count)
            }
            for end in ends { steps[end] = .jump(steps.count) }
        case .repeated(let node, let atLeast, let atMost):
            for _ in 0..<atLeast { try compile(node, into: &steps) }
            guard let atMost else {
                let split = steps.count
                steps.append(.split(split + 1, 0))
                try compile(node, into: &steps)
                steps.append(.jump(split))
                steps[split] = .split(split + 1, steps.count)
                return
            }
            for _ in atLeast..<atMost {
                let split = steps.count
                steps.append(.split(split + 1, 0))
                try compile(node, into: &steps)
                steps[split] = .split(split + 1, steps.count)
            }
        }
    }

    // MARK: Parsing

    private struct Parser {
        private let scalars: [Unicode.Scalar]
        private var position = 0
        private var depth = 0

        /// Groups inside each other, at most: the parser calls itself for each.
        private static let depthMax = 50
        private static let any: [ClosedRange<UInt32>] = [0...0x10FFFF]
        private static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
        private static let words: [ClosedRange<UInt32>] = [
            0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A,
        ]
        private static let spaces: [ClosedRange<UInt32>] = [0x09...0x0D, 0x20...0x20]

        init(_ text: String) { scalars = Array(text.unicodeScalars) }

        private var next: Unicode.Scalar? {
            position < scalars.count ? scalars[position] : nil
        }

        private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            guard next == scalar else { return false }
            position += 1
            return true
        }

        private mutating func takeAny(_ missing: String) throws(Malformed) -> Unicode.Scalar {
            guard let scalar = next else { throw Malformed(reason: missing) }
            position += 1
            return scalar
        }

        mutating func parse() throws(Malformed) -> Node {
            let node = try either()
            guard next == nil else { throw Malformed(reason: "a ) without its (") }
            return node
        }

        private mutating func either() throws(Malformed) -> Node {
            depth += 1
            defer { depth -= 1 }
            guard depth <= Self.depthMax else { throw Malformed(reason: "too many groups") }
            var branches = [try sequence()]
            while take("|") { branches.append(try sequence()) }
            return branches.count == 1 ? branches[0] : .either(branches)
        }

        private mutating func sequence() throws(Malformed) -> Node {
            var nodes: [Node] = []
            while let scalar = next, scalar != "|", scalar != ")" {
                let isStart = scalar == "^" && position == 0
                if isStart || scalar == "$" && position + 1 == scalars.count {
                    position += 1
                    continue
                }
                nodes.append(try repeated(try atom()))
            }
            return .sequence(nodes)
        }

        private mutating func repeated(_ atom: Node) throws(Malformed) -> Node {
            var node = atom
            while let scalar = next {
                switch scalar {
                case "*": node = .repeated(node, atLeast: 0, atMost: nil)
                case "+": node = .repeated(node, atLeast: 1, atMost: nil)
                case "?": node = .repeated(node, atLeast: 0, atMost: 1)
                case "{":
                    position += 1
                    node = try counted(node)
                    position -= 1
                default: return node
                }
                position += 1
                _ = take("?")
            }
            return node
        }

        /// Behind the opening brace of {m}, {m,} or {m,n}.
        private mutating func counted(_ node: Node) throws(Malformed) -> Node {
            let least = try number()
            var most: Int? = least
            if take(",") { most = next == "}" ? nil : try number() }
            guard take("}") else { throw Malformed(reason: "a repeat without its }") }
            if let most, most < least { throw Malformed(reason: "a repeat from more to less") }
            return .repeated(node, atLeast: least, atMost: most)
        }

        private mutating func number() throws(Malformed) -> Int {
            var value: Int?
            while let scalar = next, (0x30...0x39).contains(scalar.value) {
                value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
                // As RE2's bound.
                guard value! <= 1000 else { throw Malformed(reason: "a repeat above 1000") }
                position += 1
            }
            guard let value else { throw Malformed(reason: "a repeat without a number") }
            return value
        }

        private mutating func atom() throws(Malformed) -> Node {
            let scalar = try takeAny("nothing")
            switch scalar {
            case ".": return .set(Self.any, isNegated: false)
            case "[": return try bracket()
            case "(":
                if take("?"), !take(":") { throw Malformed(reason: "a kind of group not served") }
                let node = try either()
                guard take(")") else { throw Malformed(reason: "a ( without its )") }
                return node
            case "\\":
                let (ranges, isNegated) = try escape()
                return .set(ranges, isNegated: isNegated)
            case "*", "+", "?", "{": throw Malformed(reason: "nothing to repeat")
            case "^", "$": throw Malformed(reason: "\(scalar) inside")
            default: return .set([scalar.value...scalar.value], isNegated: false)
            }
        }

        /// Behind a backslash.
        private mutating func escape() throws(Malformed) -> ([ClosedRange<UInt32>], Bool) {
            let scalar = try takeAny("a backslash at the end")
            switch scalar {
            case "d": return (Self.digits, false)
            case "D": return (Self.digits, true)
            case "w": return (Self.words, false)
            case "W": return (Self.words, true)
            case "s": return (Self.spaces, false)
            case "S": return (Self.spaces, true)
            default:
                guard !Self.words.contains(where: { $0.contains(scalar.value) }) else {
                    throw Malformed(reason: "\\\(scalar) is not served")
                }
                return ([scalar.value...scalar.value], false)
            }
        }

        /// Behind an opening bracket.
        private mutating func bracket() throws(Malformed) -> Node {
            let isNegated = take("^")
            var ranges: [ClosedRange<UInt32>] = []
            var isFirst = true
            while isFirst || next != "]" {
                isFirst = false
                var scalar = try takeAny("a [ without its ]")
                if scalar == "\\" {
                    let (escaped, isEscapeNegated) = try escape()
                    guard !isEscapeNegated else {
                        throw Malformed(reason: "a negated class in brackets")
                    }
                    ranges += escaped
                    guard escaped.count == 1, escaped[0].count == 1 else { continue }
                    scalar = Unicode.Scalar(escaped[0].lowerBound) ?? scalar
                }
                guard next == "-", position + 1 < scalars.count, scalars[position + 1] != "]"
                else {
                    ranges.append(scalar.value...scalar.value)
                    continue
                }
                position += 1
                let last = try takeAny("a [ without its ]")
                guard last != "\\", last.value >= scalar.value else {
                    throw Malformed(reason: "a range from more to less")
                }
                ranges.append(scalar.value...last.value)
            }
            position += 1
            return .set(ranges, isNegated: isNegated)
        }
    }
}
