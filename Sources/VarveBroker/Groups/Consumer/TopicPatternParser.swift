/// What a regular expression is made of.
indirect enum TopicPatternNode {
    case bytes(ByteSet)
    case sequence([TopicPatternNode])
    case choice([TopicPatternNode])
    /// At least and at most so many times; nil is without end.
    case repetition(TopicPatternNode, Int, Int?)
    case start
    case end
}

/// Reads the syntax of RE2 as far as it can say anything of topic names:
///
///     x        the character        xy  x|y    one after the other, one or the other
///     .        any character        (x) (?:x) (?P<name>x) (?<name>x)   a group
///     [a-z_]   [^a-z]   [[:alpha:]] one of these, none of these
///     \d \w \s \D \W \S             digits, letters digits and _, blanks; and the others
///     \.  \x2d  \Q...\E             the character itself; by its number; all up to \E
///     ^ $ \A \z                     the start and the end
///     x* x+ x? x{2} x{2,} x{2,5}    repeated; a ? behind it changes nothing, since names match
///                                   as a whole
///     (?i)  (?i:x)                  small and capital letters are the same
///
/// Source: the syntax page of RE2. Unicode classes and word boundaries, which topic names have no
/// use for, and what RE2 has not either (lookaround, backreferences) are refused with a reason.
struct TopicPatternParser {
    typealias Problem = TopicPattern.Problem

    private let text: [UInt8]
    private var position = 0
    private var depth = 0
    private var foldsCase = false

    private static let depthMax = 100
    /// Source: RE2's limit of a counted repetition.
    private static let countMax = 1000

    init(_ text: String) { self.text = Array(text.utf8) }

    mutating func parse() throws(Problem) -> TopicPatternNode {
        let node = try choice()
        guard position == text.count else { throw problem("a ) without its (") }
        return node
    }

    // MARK: Structure

    private mutating func choice() throws(Problem) -> TopicPatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw problem("groups are nested too deep") }
        var alternatives = [try sequence()]
        while take("|") { alternatives.append(try sequence()) }
        return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
    }

    private mutating func sequence() throws(Problem) -> TopicPatternNode {
        var nodes: [TopicPatternNode] = []
        while let next = peek, next != UInt8(ascii: "|"), next != UInt8(ascii: ")") {
            if takes("\\Q") {
                while position < text.count, !takes("\\E") { nodes.append(literal(advance())) }
                // What follows repeats the last character, as in RE2.
                if let last = nodes.popLast() { nodes.append(try repeated(last)) }
                continue
            }
            guard let item = try atom() else { continue }
            nodes.append(try repeated(item))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    /// One thing that can be repeated; nil for a flag, which is none.
    private mutating func atom() throws(Problem) -> TopicPatternNode? {
        let start = position
        switch advance() {
        case UInt8(ascii: "("): return try group(from: start)
        case UInt8(ascii: "["): return .bytes(folded(try set(from: start)))
        case UInt8(ascii: "."): return .bytes(.all)
        case UInt8(ascii: "^"): return .start
        case UInt8(ascii: "$"): return .end
        case UInt8(ascii: "\\"): return try escaped(from: start)
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
            throw Problem(reason: "nothing to repeat", position: start)
        case let byte: return literal(byte)
        }
    }

    private mutating func group(from start: Int) throws(Problem) -> TopicPatternNode? {
        let outer = foldsCase
        if take("?") {
            if takes("P<") || (takes("<") && peek != UInt8(ascii: "=") && peek != UInt8(ascii: "!")) {
                while let byte = peek, byte != UInt8(ascii: ">") {
                    guard ByteSet.word.contains(byte) else { break }
                    position += 1
                }
                guard take(">") else { throw problem("a group's name does not end") }
            } else if !take(":") {
                guard try flags(from: start) else { return nil }
            }
        }
        let node = try choice()
        foldsCase = outer
        guard take(")") else { throw Problem(reason: "a ( without its )", position: start) }
        return node
    }

    /// Reads the flags of `(?i)` or `(?i:`; true when a group follows.
    private mutating func flags(from start: Int) throws(Problem) -> Bool {
        var isOn = true
        while position < text.count {
            switch advance() {
            case UInt8(ascii: "i"): foldsCase = isOn
            // Names have one line, and match as a whole however greedy a part is.
            case UInt8(ascii: "s"), UInt8(ascii: "m"), UInt8(ascii: "U"): continue
            case UInt8(ascii: "-"): isOn = false
            case UInt8(ascii: ":"): return true
            case UInt8(ascii: ")"): return false
            default:
                throw Problem(
                    reason: "(? is followed by what is not supported, such as lookaround",
                    position: start)
            }
        }
        throw Problem(reason: "a ( without its )", position: start)
    }

    // MARK: Repetition

    private mutating func repeated(_ atom: TopicPatternNode) throws(Problem) -> TopicPatternNode {
        guard let (least, most) = try quantifier() else { return atom }
        _ = take("?")
        let start = position
        if try quantifier() != nil {
            throw Problem(reason: "a repetition is repeated", position: start)
        }
        return .repetition(atom, least, most)
    }

    private mutating func quantifier() throws(Problem) -> (Int, Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = position
        guard take("{"), let least = number() else {
            // A { that begins no repetition stands for itself, as in RE2.
            position = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            position = start
            return nil
        }
        guard least <= Self.countMax, (most ?? least) <= Self.countMax, least <= most ?? least
        else { throw Problem(reason: "a repetition with bad bounds", position: start) }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let start = position
        var value = 0
        while let byte = peek, ByteSet.digits.contains(byte) {
            // Beyond the bound it need not be exact.
            value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1_000_000)
            position += 1
        }
        return position > start ? value : nil
    }

    // MARK: Characters

    private func literal(_ byte: UInt8) -> TopicPatternNode { .bytes(folded(ByteSet(byte...byte))) }

    private func folded(_ set: ByteSet) -> ByteSet { foldsCase ? set.foldingCase : set }

    private mutating func escaped(from start: Int) throws(Problem) -> TopicPatternNode {
        switch peek {
        case UInt8(ascii: "A"):
            position += 1
            return .start
        case UInt8(ascii: "z"):
            position += 1
            return .end
        default: return .bytes(folded(try escape(from: start)))
        }
    }

    /// What a backslash, which has been read, and what follows it stand for.
    private mutating func escape(from start: Int) throws(Problem) -> ByteSet {
        guard position < text.count else {
            throw Problem(reason: "a \\ at the end", position: start)
        }
        let byte = advance()
        switch byte {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "D"): return ByteSet.digits.inverted
        case UInt8(ascii: "w"): return .word
        case UInt8(ascii: "W"): return ByteSet.word.inverted
        case UInt8(ascii: "s"): return .space
        case UInt8(ascii: "S"): return ByteSet.space.inverted
        case UInt8(ascii: "t"): return ByteSet(9...9)
        case UInt8(ascii: "n"): return ByteSet(10...10)
        case UInt8(ascii: "f"): return ByteSet(12...12)
        case UInt8(ascii: "r"): return ByteSet(13...13)
        case UInt8(ascii: "x"):
            guard position + 2 <= text.count,
                let value = UInt8(
                    String(decoding: text[position..<position + 2], as: UTF8.self), radix: 16)
            else { throw Problem(reason: "\\x without two digits", position: start) }
            position += 2
            return ByteSet(value...value)
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
            throw Problem(reason: "backreferences are not supported", position: start)
        case UInt8(ascii: "p"), UInt8(ascii: "P"):
            throw Problem(reason: "Unicode classes are not supported", position: start)
        case UInt8(ascii: "b"), UInt8(ascii: "B"):
            throw Problem(reason: "word boundaries are not supported", position: start)
        default:
            guard !ByteSet.word.contains(byte) || byte == UInt8(ascii: "_") else {
                throw Problem(reason: "an unknown escape", position: start)
            }
            return ByteSet(byte...byte)
        }
    }

    /// A class, behind its [.
    private mutating func set(from start: Int) throws(Problem) -> ByteSet {
        let isInverted = take("^")
        var set = ByteSet()
        var isFirst = true
        while isFirst || peek != UInt8(ascii: "]") {
            guard position < text.count else {
                throw Problem(reason: "a [ without its ]", position: start)
            }
            isFirst = false
            if takes("[:") {
                set.formUnion(try named(from: position - 2))
                continue
            }
            let low = try member()
            guard let first = low.single, peek == UInt8(ascii: "-"),
                position + 1 < text.count, text[position + 1] != UInt8(ascii: "]")
            else {
                set.formUnion(low.set)
                continue
            }
            let dash = position
            position += 1
            guard let last = try member().single, first <= last else {
                throw Problem(reason: "a bad range in a class", position: dash)
            }
            set.insert(first...last)
        }
        position += 1
        // Case first: "not a" does not hold A either where case does not count.
        set = folded(set)
        return isInverted ? set.inverted : set
    }

    private mutating func member() throws(Problem) -> (set: ByteSet, single: UInt8?) {
        let start = position
        guard position < text.count else { throw problem("a class does not end") }
        let byte = advance()
        guard byte == UInt8(ascii: "\\") else { return (ByteSet(byte...byte), byte) }
        let set = try escape(from: start)
        let members = (UInt8(0)...255).filter { set.contains($0) }
        return (set, members.count == 1 ? members[0] : nil)
    }

    private mutating func named(from start: Int) throws(Problem) -> ByteSet {
        let isInverted = take("^")
        for (name, set) in Self.classes where takes(name + ":]") {
            return isInverted ? set.inverted : set
        }
        throw Problem(reason: "an unknown class", position: start)
    }

    private static let classes: [(String, ByteSet)] = [
        ("alnum", joined(.letters, .digits)), ("alpha", .letters), ("digit", .digits),
        ("lower", .lower), ("upper", .upper), ("word", .word), ("space", .space),
        ("punct", .punctuation), ("xdigit", joined(.digits, ByteSet(65...70, 97...102))),
    ]

    private static func joined(_ left: ByteSet, _ right: ByteSet) -> ByteSet {
        var set = left
        set.formUnion(right)
        return set
    }

    // MARK: Reading

    private var peek: UInt8? { position < text.count ? text[position] : nil }

    private mutating func advance() -> UInt8 {
        defer { position += 1 }
        return text[position]
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func takes(_ word: String) -> Bool {
        let bytes = Array(word.utf8)
        guard text[position...].starts(with: bytes) else { return false }
        position += bytes.count
        return true
    }

    private func problem(_ reason: String) -> Problem {
        Problem(reason: reason, position: position)
    }
}
