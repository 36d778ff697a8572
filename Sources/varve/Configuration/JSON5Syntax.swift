/// Finds where a text stops being JSON5, because Foundation's decoder says only that it does.
///
/// A walk over the grammar of json5.org that keeps nothing. The decoder decides what is valid;
/// this only explains.
struct JSON5Syntax {
    /// What is wrong, and where.
    struct Mistake: Error, Equatable, CustomStringConvertible {
        /// From 1.
        let line: Int
        /// From 1, in characters.
        let column: Int
        let problem: String

        var description: String { "line \(line), column \(column): \(problem)" }
    }

    /// Deeper nesting is a mistake too; Foundation's limit is 512.
    private static let depthMax = 500
    private let characters: [Character]
    private var index = 0

    private init(_ text: String) { characters = Array(text) }

    /// The first mistake in `text`; nil when there is none.
    static func mistake(in text: String) -> Mistake? {
        var walk = JSON5Syntax(text)
        do throws(Mistake) {
            try walk.space()
            try walk.value(depth: 0)
            try walk.space()
            if walk.index < walk.characters.count {
                throw walk.mistake("nothing may follow here, but there is \(walk.seen)")
            }
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Private

    private var next: Character? { index < characters.count ? characters[index] : nil }

    private var seen: String {
        switch next {
        case nil: "the end of the file"
        case let character? where character.isNewline: "the end of the line"
        case let character?: "\"\(character)\""
        }
    }

    private func mistake(_ problem: String, at place: Int? = nil) -> Mistake {
        var line = 1
        var column = 1
        for character in characters[..<(place ?? index)] {
            if character.isNewline {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return Mistake(line: line, column: column, problem: problem)
    }

    private mutating func space() throws(Mistake) {
        while let character = next {
            if character.isWhitespace || character == "\u{FEFF}" {
                index += 1
            } else if character == "/", index + 1 < characters.count {
                let start = index
                if characters[index + 1] == "/" {
                    while let character = next, !character.isNewline { index += 1 }
                } else if characters[index + 1] == "*" {
                    index += 2
                    while next != nil,
                        !(next == "*" && characters.dropFirst(index + 1).first == "/")
                    {
                        index += 1
                    }
                    guard next != nil else { throw mistake("this comment has no */", at: start) }
                    index += 2
                } else {
                    return
                }
            } else {
                return
            }
        }
    }

    private mutating func value(depth: Int) throws(Mistake) {
        guard depth < Self.depthMax else { throw mistake("this is nested too deeply") }
        switch next {
        case "{": try members(depth: depth)
        case "[": try elements(depth: depth)
        case "\"", "'": try string()
        case let character? where character.isNumber || "+-.".contains(character):
            try word()
        case let character? where character.isLetter:
            let start = index
            try word()
            let word = String(characters[start..<index])
            guard ["true", "false", "null", "Infinity", "NaN"].contains(word) else {
                throw mistake("\(word) is no value; text needs quotes", at: start)
            }
        default: throw mistake("a value is missing before \(seen)")
        }
    }

    private mutating func members(depth: Int) throws(Mistake) {
        let start = index
        index += 1
        while true {
            try space()
            if next == "}" { break }
            if next == "\"" || next == "'" {
                try string()
            } else {
                guard let character = next,
                    character.isLetter || character == "_" || character == "$"
                else {
                    throw next == nil
                        ? mistake("this { has no }", at: start)
                        : mistake("a key or } is missing before \(seen)")
                }
                while let character = next,
                    character.isLetter || character.isNumber || "_$".contains(character)
                { index += 1 }
            }
            try space()
            guard next == ":" else { throw mistake("a : is missing before \(seen)") }
            index += 1
            try space()
            try value(depth: depth + 1)
            try space()
            if next == "," {
                index += 1
            } else if next == nil {
                throw mistake("this { has no }", at: start)
            } else if next != "}" {
                throw mistake("a comma or } is missing before \(seen)")
            }
        }
        index += 1
    }

    private mutating func elements(depth: Int) throws(Mistake) {
        let start = index
        index += 1
        while true {
            try space()
            if next == "]" { break }
            if next == nil { throw mistake("this [ has no ]", at: start) }
            try value(depth: depth + 1)
            try space()
            if next == "," {
                index += 1
            } else if next == nil {
                throw mistake("this [ has no ]", at: start)
            } else if next != "]" {
                throw mistake("a comma or ] is missing before \(seen)")
            }
        }
        index += 1
    }

    private mutating func string() throws(Mistake) {
        let start = index
        let quote = next
        index += 1
        while let character = next, character != quote {
            if character == "\\" {
                index += 1
            } else if character.isNewline {
                throw mistake("this text has no closing quote on its line", at: start)
            }
            index += 1
        }
        guard next != nil else { throw mistake("this text has no closing quote", at: start) }
        index += 1
    }

    /// A number or a bare word.
    private mutating func word() throws(Mistake) {
        let start = index
        while let character = next,
            character.isLetter || character.isNumber || "+-._".contains(character)
        { index += 1 }
        let word = String(characters[start..<index])
        guard let first = word.first, first.isNumber || "+-.".contains(first) else { return }
        let digits = word.drop { "+-".contains($0) }
        let isNumber =
            digits.lowercased().hasPrefix("0x")
            ? Int64(digits.dropFirst(2), radix: 16) != nil
            : Double(word) != nil || Double(word + "0") != nil
        guard isNumber else { throw mistake("\(word) is no number", at: start) }
    }
}
