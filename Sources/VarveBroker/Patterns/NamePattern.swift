/// A regular expression over names: the topics that a member subscribes to (KIP-848), the
/// transactional ids that an administrator lists (KIP-1152).
///
/// A name matches as a whole, as Kafka has it (RE2/J's `matches`). Matching takes time in
/// proportion to the length of the name times the size of the expression, whatever both are (I8):
/// all ways through the expression are followed side by side and nothing is tried twice. Source:
/// K. Thompson, "Regular Expression Search Algorithm", 1968.
package struct NamePattern: Sendable {
    /// What is wrong with an expression, and where.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let reason: String
        /// Bytes before what is wrong.
        package let position: Int

        package var description: String { "\(reason) at position \(position)" }
    }

    /// One step; a step that takes no character is done at once.
    enum Step: Sendable {
        case characters(NameCharacters)
        /// One character beyond ASCII.
        case scalar(Unicode.Scalar)
        /// Go on at both.
        case fork(Int, Int)
        case go(Int)
        case start
        case end
        case match

        func takes(_ character: Unicode.Scalar) -> Bool {
            switch self {
            case .characters(let set): set.contains(character)
            case .scalar(let scalar): scalar == character
            case .fork, .go, .start, .end, .match: false
            }
        }
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
        var parser = NamePatternParser(text)
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
        mutating func add(_ node: NamePatternNode) throws(Problem) {
            visits += 1
            // Repetitions of nothing add no step, and would still take their time.
            guard steps.count < stepsMax, visits < 20 * stepsMax else {
                throw Problem(
                    reason: "the expression is too large, with its repetitions written out",
                    position: 0)
            }
            switch node {
            case .characters(let set): steps.append(.characters(set))
            case .scalar(let scalar): steps.append(.scalar(scalar))
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

        private mutating func addChoice(_ nodes: ArraySlice<NamePatternNode>) throws(Problem) {
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
            _ node: NamePatternNode, count: Int
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
            let characters = Array(name.unicodeScalars)
            current.removeAll(keepingCapacity: true)
            round += 1
            var isMatch = reach(0, at: 0, of: characters.count)
            swap(&current, &next)
            for (index, character) in characters.enumerated() {
                if current.isEmpty { return false }
                round += 1
                isMatch = false
                next.removeAll(keepingCapacity: true)
                for step in current {
                    guard steps[step].takes(character) else { continue }
                    if reach(step + 1, at: index + 1, of: characters.count) { isMatch = true }
                }
                swap(&current, &next)
            }
            next.removeAll(keepingCapacity: true)
            return isMatch
        }

        /// Puts the steps that take a character and can be got to from `start` into `next`; true
        /// when the end of the expression can.
        private mutating func reach(_ start: Int, at position: Int, of count: Int) -> Bool {
            var isMatch = false
            stack.append(start)
            while let step = stack.popLast() {
                guard reached[step] != round else { continue }
                reached[step] = round
                switch steps[step] {
                case .characters, .scalar: next.append(step)
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

/// Some characters of ASCII, and all others or none of them.
struct NameCharacters: Equatable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var hasOthers = false

    init() {}

    /// Ranges within ASCII.
    init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { insert(range) }
    }

    func contains(_ character: Unicode.Scalar) -> Bool {
        character.isASCII ? contains(UInt8(character.value)) : hasOthers
    }

    /// - Parameter byte: a character of ASCII.
    func contains(_ byte: UInt8) -> Bool {
        (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range {
            precondition(byte < 128, "a set holds single characters of ASCII only")
            if byte < 64 {
                low |= 1 << UInt64(byte)
            } else {
                high |= 1 << UInt64(byte & 63)
            }
        }
    }

    mutating func formUnion(_ other: NameCharacters) {
        low |= other.low
        high |= other.high
        hasOthers = hasOthers || other.hasOthers
    }

    var inverted: NameCharacters {
        var result = NameCharacters()
        result.low = ~low
        result.high = ~high
        result.hasOthers = !hasOthers
        return result
    }

    /// With the other case of each ASCII letter in it.
    var foldingCase: NameCharacters {
        var result = self
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") {
            let capital = letter - 32
            if contains(letter) { result.insert(capital...capital) }
            if contains(capital) { result.insert(letter...letter) }
        }
        return result
    }

    static let digits = NameCharacters(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let lower = NameCharacters(UInt8(ascii: "a")...UInt8(ascii: "z"))
    static let upper = NameCharacters(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    static let word = NameCharacters(
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_")...UInt8(ascii: "_"))
    static let letters = NameCharacters(
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"))
    /// Tab, line feed, form feed, carriage return and blank, as RE2 has it.
    static let space = NameCharacters(9...10, 12...13, 32...32)
    static let punctuation = NameCharacters(33...47, 58...64, 91...96, 123...126)
    static let all = NameCharacters().inverted
}
