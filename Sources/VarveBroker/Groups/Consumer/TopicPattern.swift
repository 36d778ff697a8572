/// A regular expression over topic names: a member's subscription (KIP-848).
///
/// A name matches as a whole, as Kafka has it (RE2/J's `matches`). Matching takes time in
/// proportion to the length of the name times the size of the expression, whatever both are (I8):
/// all ways through the expression are followed side by side and nothing is tried twice. Source:
/// K. Thompson, "Regular Expression Search Algorithm", 1968.
package struct TopicPattern: Sendable {
    /// What is wrong with an expression, and where.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let reason: String
        /// Bytes before what is wrong.
        package let position: Int

        package var description: String { "\(reason) at position \(position)" }
    }

    /// One step; a step that takes no byte is done at once.
    enum Step: Sendable {
        case bytes(ByteSet)
        /// Go on at both.
        case fork(Int, Int)
        case go(Int)
        case start
        case end
        case match
    }

    /// The most steps of one expression, its repetitions written out.
    static let stepsMax = 512
    /// The longest expression, in bytes.
    static let bytesMax = 2048

    let steps: [Step]

    /// - Throws: what is wrong with `text`: it does not parse, asks for what cannot be matched in
    ///   bounded time (lookaround, backreferences), or is too large.
    package init(_ text: String) throws(Problem) {
        guard text.utf8.count <= Self.bytesMax else {
            throw Problem(
                reason: "the expression is longer than \(Self.bytesMax) bytes",
                position: Self.bytesMax)
        }
        var parser = TopicPatternParser(text)
        var compiler = Compiler()
        try compiler.add(try parser.parse())
        compiler.steps.append(.match)
        steps = compiler.steps
    }

    /// Those of `names` that match, in their order.
    package func matching(_ names: [String]) -> [String] {
        var run = Run(steps)
        return names.filter { run.matches($0) }
    }

    package func matches(_ name: String) -> Bool { !matching([name]).isEmpty }

    // MARK: - Private

    private struct Compiler {
        var steps: [Step] = []
        private var visits = 0

        /// Adds the steps of `node`, which go on behind them.
        mutating func add(_ node: TopicPatternNode) throws(Problem) {
            visits += 1
            // Repetitions of nothing add no step, and would still take their time.
            guard steps.count < stepsMax, visits < 20 * stepsMax else {
                throw Problem(
                    reason: "the expression is too large, with its repetitions written out",
                    position: 0)
            }
            switch node {
            case .bytes(let set): steps.append(.bytes(set))
            case .start: steps.append(.start)
            case .end: steps.append(.end)
            case .sequence(let nodes): for node in nodes { try add(node) }
            case .choice(let nodes): try addChoice(nodes[...])
            case .repetition(let node, let least, let most):
                for _ in 0..<least { try add(node) }
                if let most {
                    try addOptional(node, count: most - least)
                } else {
                    let fork = steps.count
                    steps.append(.match)
                    try add(node)
                    steps.append(.go(fork))
                    steps[fork] = .fork(fork + 1, steps.count)
                }
            }
        }

        private mutating func addChoice(_ nodes: ArraySlice<TopicPatternNode>) throws(Problem) {
            var ends: [Int] = []
            for node in nodes.dropLast() {
                let fork = steps.count
                steps.append(.match)
                try add(node)
                ends.append(steps.count)
                steps.append(.match)
                steps[fork] = .fork(fork + 1, steps.count)
            }
            if let last = nodes.last { try add(last) }
            for end in ends { steps[end] = .go(steps.count) }
        }

        /// Up to `count` times `node`, none of them needed.
        private mutating func addOptional(
            _ node: TopicPatternNode, count: Int
        ) throws(Problem) {
            var forks: [Int] = []
            for _ in 0..<count {
                forks.append(steps.count)
                steps.append(.match)
                try add(node)
            }
            for fork in forks { steps[fork] = .fork(fork + 1, steps.count) }
        }
    }

    /// Follows all ways through the steps at once; the memory of one name serves the next.
    private struct Run {
        private let steps: [Step]
        private var current: [Int] = []
        private var next: [Int] = []
        private var stack: [Int] = []
        /// The round in which each step was last reached.
        private var reached: [Int]
        private var round = 0

        init(_ steps: [Step]) {
            self.steps = steps
            reached = Array(repeating: 0, count: steps.count)
        }

        mutating func matches(_ name: String) -> Bool {
            let bytes = Array(name.utf8)
            current.removeAll(keepingCapacity: true)
            round += 1
            var isMatch = reach(0, at: 0, of: bytes.count)
            swap(&current, &next)
            for (index, byte) in bytes.enumerated() {
                if current.isEmpty { return false }
                round += 1
                isMatch = false
                next.removeAll(keepingCapacity: true)
                for step in current {
                    guard case .bytes(let set) = steps[step], set.contains(byte) else { continue }
                    if reach(step + 1, at: index + 1, of: bytes.count) { isMatch = true }
                }
                swap(&current, &next)
            }
            next.removeAll(keepingCapacity: true)
            return isMatch
        }

        /// Puts the byte steps that can be got to from `start` into `next`; true when the end of
        /// the expression can.
        private mutating func reach(_ start: Int, at position: Int, of count: Int) -> Bool {
            var isMatch = false
            stack.append(start)
            while let step = stack.popLast() {
                guard reached[step] != round else { continue }
                reached[step] = round
                switch steps[step] {
                case .bytes: next.append(step)
                case .fork(let first, let second):
                    stack.append(second)
                    stack.append(first)
                case .go(let target): stack.append(target)
                case .start: if position == 0 { stack.append(step + 1) }
                case .end: if position == count { stack.append(step + 1) }
                case .match: isMatch = true
                }
            }
            return isMatch
        }
    }
}

/// A set of bytes.
struct ByteSet: Equatable, Sendable {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)

    init() {}

    init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { insert(range) }
    }

    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: low.0
            case 1: low.1
            case 2: high.0
            default: high.1
            }
        return word >> UInt64(byte & 63) & 1 == 1
    }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range {
            let bit: UInt64 = 1 << UInt64(byte & 63)
            switch byte >> 6 {
            case 0: low.0 |= bit
            case 1: low.1 |= bit
            case 2: high.0 |= bit
            default: high.1 |= bit
            }
        }
    }

    mutating func formUnion(_ other: ByteSet) {
        low = (low.0 | other.low.0, low.1 | other.low.1)
        high = (high.0 | other.high.0, high.1 | other.high.1)
    }

    var inverted: ByteSet {
        var result = ByteSet()
        result.low = (~low.0, ~low.1)
        result.high = (~high.0, ~high.1)
        return result
    }

    /// With the other case of each ASCII letter in it.
    var foldingCase: ByteSet {
        var result = self
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") {
            let capital = letter - 32
            if contains(letter) { result.insert(capital...capital) }
            if contains(capital) { result.insert(letter...letter) }
        }
        return result
    }

    static func == (left: ByteSet, right: ByteSet) -> Bool {
        left.low == right.low && left.high == right.high
    }

    static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let lower = ByteSet(UInt8(ascii: "a")...UInt8(ascii: "z"))
    static let upper = ByteSet(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    static let word = ByteSet(
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_")...UInt8(ascii: "_"))
    static let letters = ByteSet(
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"))
    /// Tab, line feed, form feed, carriage return and blank, as RE2 has it.
    static let space = ByteSet(9...10, 12...13, 32...32)
    static let punctuation = ByteSet(33...47, 58...64, 91...96, 123...126)
    static let all = ByteSet(0...255)
}
