/// What a regular expression is made of.
indirect enum NamePatternNode {
    case characters(NameCharacters)
    /// One beyond ASCII.
    case scalar(Unicode.Scalar)
    case sequence([NamePatternNode])
    case choice([NamePatternNode])
    /// At least and at most so many times; nil is without end.
    case repetition(NamePatternNode, Int, Int?)
    case start
    case end
}

/// Reads the syntax of RE2 as far as it can say anything of names:
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
/// Source: the syntax page of RE2. Unicode classes, characters beyond ASCII in a class, and word
/// boundaries, which names have no use for, and what RE2 has not either (lookaround,
/// backreferences) are refused with a reason.
struct NamePatternParser {
    typealias Problem = NamePattern.Problem

    private let text: [UInt8]
    private var position = 0
    private var depth = 0
    private var foldsCase = false

    private static let depthMax = 100
    /// Source: RE2's limit of a counted repetition.
    private static let countMax = 1000

    init(_ text: String) { self.text = Array(text.utf8) }

    mutating func parse() throws(Problem) -> NamePatternNode {
        let node = try choice()
        guard position == text.count else { throw problem("a ) without its (") }
        return node
    }

    // MARK: Structure

    private mutating func choice() throws(Problem) -> NamePatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw problem("groups are nested too deep") }
        var alternatives = [try sequence()]
        while take("|") { alternatives.append(try sequence()) }
        return alternatives.count == 1 ? alternatives[0] : .choice(alternatives)
    }

    private mutating func sequence() throws(Problem) -> NamePatternNode {
        var nodes: [NamePatternNode] = []
        while let next = peek, next != UInt8(ascii: "|"), next != UInt8(ascii: ")") {
            if takes("\\Q") {
                while position < text.count, !takes("\\E") { nodes.append(try literal()) }
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
    private mutating func atom() throws(Problem) -> NamePatternNode? {
        let start = position
        if let byte = peek, byte >= 0x80 { return try literal() }
        switch advance() {
        case UInt8(ascii: "("): return try group(from: start)
        case UInt8(ascii: "["): return .characters(folded(try set(from: start)))
        case UInt8(ascii: "."): return .characters(.all)
        case UInt8(ascii: "^"): return .start
        case UInt8(ascii: "$"): return .end
        case UInt8(ascii: "\\"): return try escaped(from: start)
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
            throw Problem(reason: "nothing to repeat", position: start)
        case let byte: return .characters(folded(NameCharacters(byte...byte)))
        }
    }

    private mutating func group(from start: Int) throws(Problem) -> NamePatternNode? {
        let outer = foldsCase
        if take("?") {
            let isNamed =
                takes("P<")
                || takes("<") && peek != UInt8(ascii: "=") && peek != UInt8(ascii: "!")
            if isNamed {
                while let byte = peek, byte != UInt8(ascii: ">") {
                    guard NameCharacters.word.contains(byte) else { break }
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

    private mutating func repeated(_ atom: NamePatternNode) throws(Problem) -> NamePatternNode {
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
        while let byte = peek, NameCharacters.digits.contains(byte) {
            // Beyond the bound it need not be exact.
            value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1_000_000)
            position += 1
        }
        return position > start ? value : nil
    }

    // MARK: Characters

    /// The next character, whatever it is.
    private mutating func literal() throws(Problem) -> NamePatternNode {
        let start = position
        let byte = advance()
        guard byte >= 0x80 else { return .characters(folded(NameCharacters(byte...byte))) }
        while let next = peek, next & 0xC0 == 0x80 { position += 1 }
        let character = String(decoding: text[start..<position], as: UTF8.self)
        guard let scalar = character.unicodeScalars.first else {
            throw Problem(reason: "no character", position: start)
        }
        return .scalar(scalar)
    }

    private func folded(_ set: NameCharacters) -> NameCharacters {
        foldsCase ? set.foldingCase : set
    }

    private mutating func escaped(from start: Int) throws(Problem) -> NamePatternNode {
        switch peek {
        case UInt8(ascii: "A"):
            position += 1
            return .start
        case UInt8(ascii: "z"):
            position += 1
            return .end
        default: return .characters(folded(try escape(from: start)))
        }
    }

    /// What a backslash, which has been read, and what follows it stand for.
    private mutating func escape(from start: Int) throws(Problem) -> NameCharacters {
        guard position < text.count else {
            throw Problem(reason: "a \\ at the end", position: start)
        }
        let byte = advance()
        switch byte {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "D"): return NameCharacters.digits.inverted
        case UInt8(ascii: "w"): return .word
        case UInt8(ascii: "W"): return NameCharacters.word.inverted
        case UInt8(ascii: "s"): return .space
        case UInt8(ascii: "S"): return NameCharacters.space.inverted
        case UInt8(ascii: "t"): return NameCharacters(9...9)
        case UInt8(ascii: "n"): return NameCharacters(10...10)
        case UInt8(ascii: "f"): return NameCharacters(12...12)
        case UInt8(ascii: "r"): return NameCharacters(13...13)
        case UInt8(ascii: "x"):
            guard position + 2 <= text.count,
                let value = UInt8(
                    String(decoding: text[position..<position + 2], as: UTF8.self), radix: 16)
            else { throw Problem(reason: "\\x without two digits", position: start) }
            guard value < 0x80 else {
                throw Problem(reason: "\\x beyond ASCII is not supported", position: start)
            }
            position += 2
            return NameCharacters(value...value)
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
            throw Problem(reason: "backreferences are not supported", position: start)
        case UInt8(ascii: "p"), UInt8(ascii: "P"):
            throw Problem(reason: "Unicode classes are not supported", position: start)
        case UInt8(ascii: "b"), UInt8(ascii: "B"):
            throw Problem(reason: "word boundaries are not supported", position: start)
        default:
            guard byte < 0x80, !NameCharacters.word.contains(byte) || byte == UInt8(ascii: "_")
            else {
                throw Problem(reason: "an unknown escape", position: start)
            }
            return NameCharacters(byte...byte)
        }
    }

    /// A class, behind its [.
    private mutating func set(from start: Int) throws(Problem) -> NameCharacters {
        let isInverted = take("^")
        var set = NameCharacters()
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

    private mutating func member() throws(Problem) -> (set: NameCharacters, single: UInt8?) {
        let start = position
        guard position < text.count else { throw problem("a class does not end") }
        let byte = advance()
        guard byte < 0x80 else {
            throw Problem(
                reason: "characters beyond ASCII are not supported in a class", position: start)
        }
        guard byte == UInt8(ascii: "\\") else { return (NameCharacters(byte...byte), byte) }
        let set = try escape(from: start)
        let members = (UInt8(0)...127).filter { set.contains($0) }
        return (set, members.count == 1 ? members[0] : nil)
    }

    private mutating func named(from start: Int) throws(Problem) -> NameCharacters {
        let isInverted = take("^")
        for (name, set) in Self.classes where takes(name + ":]") {
            return isInverted ? set.inverted : set
        }
        throw Problem(reason: "an unknown class", position: start)
    }

    private static let classes: [(String, NameCharacters)] = [
        ("alnum", joined(.letters, .digits)), ("alpha", .letters), ("digit", .digits),
        ("lower", .lower), ("upper", .upper), ("word", .word), ("space", .space),
        ("punct", .punctuation), ("xdigit", joined(.digits, NameCharacters(65...70, 97...102))),
    ]

    private static func joined(_ left: NameCharacters, _ right: NameCharacters) -> NameCharacters {
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
