/// Looks a dotted path up among the tokens of a checked text, on raw memory: a lookup is made a
/// hundred times an event, and one that copies values spends its time counting references.
struct FieldSearch {
    let text: UnsafeRawBufferPointer
    let path: UnsafeRawBufferPointer
    let tokens: UnsafeBufferPointer<JSONToken>

    /// The token of the value that the path from byte `start` on leads to below the object at
    /// `object`; nil when there is none. As deep as the text is nested at most.
    func find(in object: Int, from start: Int) -> Int? {
        let end = Int(tokens[object].next)
        var at = object + 1
        while at < end {
            let value = at + 1
            if let matched = match(tokens[at], from: start) {
                if matched == path.count { return value }
                if tokens[value].kind == .object, path[matched] == UInt8(ascii: "."),
                    matched + 1 < path.count, let found = find(in: value, from: matched + 1)
                {
                    return found
                }
            }
            at = Int(tokens[value].next)
        }
        return nil
    }

    /// Where the path goes on after the member's name; nil when it does not begin with it.
    private func match(_ name: JSONToken, from start: Int) -> Int? {
        if name.isEscaped { return matchEscaped(name, from: start) }
        let first = Int(name.start) + 1
        let count = Int(name.end) - 1 - first
        guard count <= path.count - start else { return nil }
        let end = start + count
        // Most names differ in length from what is looked for: that is seen before any byte.
        guard end == path.count || path[end] == UInt8(ascii: ".") else { return nil }
        for index in 0..<count where text[first + index] != path[start + index] { return nil }
        return end
    }

    private func matchEscaped(_ name: JSONToken, from start: Int) -> Int? {
        let inside = UnsafeRawBufferPointer(
            rebasing: text[Int(name.start) + 1..<Int(name.end) - 1])
        let plain = JSONEscapes.unescaped(ByteSlice(copying: inside))
        guard plain.count <= path.count - start else { return nil }
        for index in 0..<plain.count where plain[index] != path[start + index] { return nil }
        return start + plain.count
    }
}
