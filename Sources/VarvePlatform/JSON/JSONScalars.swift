extension ByteWriter {
    /// Appends the strings and numbers of a JSON text in its order, unescaped, a line each; names
    /// of members, `true`, `false` and `null` are left out. As strict as `JSONDocument`.
    /// - Throws: why `text` is none; nothing is appended then.
    package mutating func jsonScalars(of text: ByteSlice) throws(JSONError) {
        guard text.count <= Int(Int32.max) else { throw .tooLong(count: text.count) }
        let before = count
        let result = text.withUnsafeBytes { text -> Result<ByteWriter, JSONError> in
            var parser = JSONParser(text, JSONScalars(text: text, out: self))
            do throws(JSONError) { try parser.parse() } catch { return .failure(error) }
            return .success(parser.places.out)
        }
        switch result {
        case .success(let written): self = written
        case .failure(let error):
            cut(to: before)
            throw error
        }
    }
}

/// Writes scalars as they come by.
private struct JSONScalars: JSONPlaces {
    let text: UnsafeRawBufferPointer
    var out: ByteWriter

    mutating func open(_ kind: JSONKind, at start: Int) {}
    mutating func close(at end: Int) {}
    mutating func name(_ range: Range<Int>, isEscaped: Bool) {}

    mutating func scalar(_ kind: JSONKind, _ range: Range<Int>, isEscaped: Bool) {
        switch kind {
        case .string:
            let inside = UnsafeRawBufferPointer(
                rebasing: text[range.lowerBound + 1..<range.upperBound - 1])
            if isEscaped {
                JSONEscapes.unescape(inside, into: &out)
            } else {
                out.bytes(inside)
            }
        case .number: out.bytes(UnsafeRawBufferPointer(rebasing: text[range]))
        case .object, .array, .bool, .null: return
        }
        out.uint8(0x0A)
    }
}
