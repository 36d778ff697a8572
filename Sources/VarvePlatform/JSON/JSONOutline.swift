/// What a check of a JSON text tells in passing, without keeping the place of any value: all that
/// is asked of an event that goes through as it is. As strict as `JSONDocument`.
package struct JSONOutline: Equatable, Sendable {
    /// What the text's one value is.
    package let kind: JSONKind
    /// No space stands before or after the value.
    package let isBare: Bool
    /// A line ends between two values, or around them; inside a string none can.
    package let hasNewline: Bool
    /// The value is an object with a member of the name that was asked for.
    package let hasMember: Bool

    /// Checks all of `text`.
    /// - Parameter member: the name of a member to look for; as it is, not as a path.
    package init(_ text: ByteSlice, member: ByteSlice = ByteSlice()) throws(JSONError) {
        guard text.count <= Int(Int32.max) else { throw .tooLong(count: text.count) }
        self = try text.withUnsafeBytes { (text) throws(JSONError) in
            try member.withUnsafeBytes { (member) throws(JSONError) in
                var parser = JSONParser(text, OutlinePlaces(text: text, member: member))
                try parser.parse()
                return JSONOutline(parser.places, text, hasNewline: parser.hasNewline)
            }
        }
    }

    private init(_ places: OutlinePlaces, _ text: UnsafeRawBufferPointer, hasNewline: Bool) {
        kind = places.kind
        isBare = places.range == 0..<text.count
        self.hasNewline = hasNewline
        hasMember = places.hasMember
    }
}

/// Looks at the outermost value and its members' names only.
private struct OutlinePlaces: JSONPlaces {
    let text: UnsafeRawBufferPointer
    let member: UnsafeRawBufferPointer
    var depth = 0
    var kind = JSONKind.null
    var range = 0..<0
    var hasMember = false

    init(text: UnsafeRawBufferPointer, member: UnsafeRawBufferPointer) {
        self.text = text
        self.member = member
    }

    mutating func open(_ kind: JSONKind, at start: Int) {
        if depth == 0 {
            self.kind = kind
            range = start..<start
        }
        depth += 1
    }

    mutating func close(at end: Int) {
        depth -= 1
        if depth == 0 { range = range.lowerBound..<end }
    }

    mutating func name(_ range: Range<Int>, isEscaped: Bool) {
        guard depth == 1, !hasMember, !member.isEmpty else { return }
        let inside = UnsafeRawBufferPointer(
            rebasing: text[range.lowerBound + 1..<range.upperBound - 1])
        if isEscaped {
            hasMember = JSONEscapes.unescaped(ByteSlice(copying: inside))
                == ByteSlice(copying: member)
        } else {
            hasMember = inside.count == member.count && inside.elementsEqual(member)
        }
    }

    mutating func scalar(_ kind: JSONKind, _ range: Range<Int>, isEscaped: Bool) {
        guard depth == 0 else { return }
        self.kind = kind
        self.range = range
    }
}
