package import VarvePlatform

/// The words of an event that the search index knows.
package enum SearchText {
    /// The values of a JSON event one after another, unescaped, a line each; names of fields are
    /// left out. Of anything else all of its text. The same bytes always give the same text: an
    /// entry of the index could be taken out with it.
    package static func text(of value: ByteSlice?) -> ByteSlice {
        guard let value else { return ByteSlice() }
        do throws(JSONError) {
            let root = try JSONDocument(value).root
            var out = ByteWriter(capacity: value.count)
            append(root, to: &out)
            return out.finish()
        } catch {
            return value.isUTF8 ? value : ByteSlice(value.string)
        }
    }

    private static func append(_ value: JSONValue, to out: inout ByteWriter) {
        switch value.kind {
        case .object:
            value.forEachMember { _, member in
                append(member, to: &out)
                return true
            }
        case .array:
            value.forEachElement { element in
                append(element, to: &out)
                return true
            }
        case .string:
            if let text = value.stringBytes { out.bytes(text) }
            out.uint8(0x0A)
        case .number:
            out.bytes(value.raw)
            out.uint8(0x0A)
        case .bool, .null: break
        }
    }

    /// A piece of `text` around the first place where one of `words` stands, on one line, at most
    /// about `charactersMax` characters; its start where none does.
    package static func snippet(_ text: String, words: [String], charactersMax: Int) -> String {
        let flat = String(text.map { $0.isNewline ? " " : $0 })
        let lower = flat.lowercased()
        var start = flat.startIndex
        for word in words where !word.isEmpty {
            guard let place = lower.firstPlace(of: word.lowercased()) else { continue }
            let before = max(0, place - charactersMax / 3)
            start = flat.index(flat.startIndex, offsetBy: min(before, flat.count))
            break
        }
        let piece = flat[start...].prefix(charactersMax)
        return (start > flat.startIndex ? "…" : "") + piece
            + (piece.endIndex < flat.endIndex ? "…" : "")
    }
}

extension String {
    /// How many characters stand before the first `word`; nil when it is not there.
    fileprivate func firstPlace(of word: String) -> Int? {
        let text = Array(self)
        let word = Array(word)
        guard word.count <= text.count else { return nil }
        for start in 0...(text.count - word.count)
        where text[start..<start + word.count].elementsEqual(word) {
            return start
        }
        return nil
    }
}
