package import VarvePlatform

/// The words of an event that the search index knows.
package enum SearchText {
    /// The values of a JSON event one after another, unescaped, a line each; names of fields are
    /// left out. Of anything else all of its text. The same bytes always give the same text: an
    /// entry of the index could be taken out with it.
    package static func text(of value: ByteSlice?) -> ByteSlice {
        guard let value else { return ByteSlice() }
        do throws(JSONError) {
            var out = ByteWriter(capacity: value.count)
            try out.jsonScalars(of: value)
            return out.finish()
        } catch {
            return value.isUTF8 ? value : ByteSlice(value.string)
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
