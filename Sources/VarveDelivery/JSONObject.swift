package import VarvePlatform

/// A JSON object that can be changed. Only what is touched is taken apart: every other value
/// stays the bytes that it was, so that numbers and strings go through unchanged.
package struct JSONObject: Sendable {
    private struct Member: Sendable {
        let name: ByteSlice
        var value: JSONNode
    }

    private var members: [Member] = []

    /// No members.
    package init() {}

    /// The members of `value`; none when it is no object. Of a name that stands twice both stay.
    package init(_ value: JSONValue) {
        value.forEachMember { name, value in
            members.append(Member(name: name, value: .value(value)))
            return true
        }
    }

    package var isEmpty: Bool { members.isEmpty }

    /// The value at `path`, found as `JSONValue.field` finds it.
    package func field(_ path: FieldPath) -> JSONNode? { field(dotted: path.dotted) }

    private func field(dotted: ByteSlice) -> JSONNode? {
        for index in members.indices {
            // Most names differ in length from what is looked for: that is seen before any byte.
            let count = members[index].name.count
            if count == dotted.count {
                if members[index].name == dotted { return members[index].value }
                continue
            }
            guard count < dotted.count, dotted[count] == UInt8(ascii: "."),
                let rest = FieldPath.rest(of: dotted, after: members[index].name)
            else { continue }
            let found: JSONNode? =
                switch members[index].value {
                case .object(let object): object.field(dotted: rest)
                case .value(let value): value.field(dotted: rest).map { .value($0) }
                }
            if let found { return found }
        }
        return nil
    }

    /// Puts `node` at `path`: in the place of the value that is there, else as a new member at the
    /// end, making the objects on the way. False, and nothing changed, where a value on the way is
    /// no object.
    @discardableResult
    package mutating func set(_ path: FieldPath, to node: JSONNode) -> Bool {
        if field(path) != nil { return replace(path.dotted, with: node) }
        return insert(path.dotted, node)
    }

    package mutating func set(_ path: FieldPath, to text: String) {
        set(path, to: .string(text))
    }

    /// Takes the value at `path` away and returns it; nil when there is none. Objects that it
    /// leaves without members stay, empty.
    @discardableResult
    package mutating func remove(_ path: FieldPath) -> JSONNode? { remove(path.dotted) }

    private mutating func remove(_ dotted: ByteSlice) -> JSONNode? {
        for index in members.indices {
            if members[index].name == dotted { return members.remove(at: index).value }
            guard let rest = FieldPath.rest(of: dotted, after: members[index].name),
                var object = members[index].value.asObject
            else { continue }
            if let removed = object.remove(rest) {
                members[index].value = .object(object)
                return removed
            }
        }
        return nil
    }

    private mutating func replace(_ dotted: ByteSlice, with node: JSONNode) -> Bool {
        for index in members.indices {
            if members[index].name == dotted {
                members[index].value = node
                return true
            }
            guard let rest = FieldPath.rest(of: dotted, after: members[index].name),
                var object = members[index].value.asObject
            else { continue }
            if object.replace(rest, with: node) {
                members[index].value = .object(object)
                return true
            }
        }
        return false
    }

    private mutating func insert(_ dotted: ByteSlice, _ node: JSONNode) -> Bool {
        let (first, rest) = FieldPath.split(dotted)
        guard let rest else {
            members.append(Member(name: first, value: node))
            return true
        }
        guard let index = members.firstIndex(where: { $0.name == first }) else {
            var object = JSONObject()
            guard object.insert(rest, node) else { return false }
            members.append(Member(name: first, value: .object(object)))
            return true
        }
        guard var object = members[index].value.asObject, object.insert(rest, node) else {
            return false
        }
        members[index].value = .object(object)
        return true
    }

    /// Adds the members of `other` whose names are not here yet; the names that are stay as they
    /// are and are returned.
    package mutating func merge(_ other: JSONObject) -> [ByteSlice] {
        var kept: [ByteSlice] = []
        for member in other.members {
            if members.contains(where: { $0.name == member.name }) {
                kept.append(member.name)
            } else {
                members.append(member)
            }
        }
        return kept
    }

    /// Gives `body` each member in order until it returns false.
    package func forEachMember(_ body: (ByteSlice, JSONNode) -> Bool) {
        for member in members where !body(member.name, member.value) { return }
    }

    /// The object as JSON text.
    package var text: ByteSlice {
        var out = ByteWriter(capacity: 1024)
        write(to: &out)
        return out.finish()
    }

    package func write(to out: inout ByteWriter) {
        out.uint8(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { out.uint8(UInt8(ascii: ",")) }
            out.jsonString(member.name)
            out.uint8(UInt8(ascii: ":"))
            member.value.write(to: &out)
        }
        out.uint8(UInt8(ascii: "}"))
    }
}

/// A value inside a `JSONObject`.
package enum JSONNode: Sendable {
    /// A value of some checked text.
    case value(JSONValue)
    /// An object that was changed or made here.
    indirect case object(JSONObject)

    /// `text` as a JSON string.
    package static func string(_ text: String) -> JSONNode { .string(ByteSlice(text)) }

    /// UTF-8 as a JSON string; what is no UTF-8 becomes U+FFFD.
    package static func string(_ text: ByteSlice) -> JSONNode {
        var out = ByteWriter(capacity: text.count + 2)
        out.jsonString(text)
        return literal(out.finish())
    }

    /// A JSON text that this program made itself.
    static func literal(_ text: ByteSlice) -> JSONNode {
        do throws(JSONError) {
            return .value(try JSONDocument(text).root)
        } catch {
            preconditionFailure("\(text) is no JSON: \(error)")
        }
    }

    /// An array of strings.
    static func strings(_ texts: [String]) -> JSONNode {
        var out = ByteWriter()
        out.uint8(UInt8(ascii: "["))
        for (index, text) in texts.enumerated() {
            if index > 0 { out.uint8(UInt8(ascii: ",")) }
            out.jsonString(text)
        }
        out.uint8(UInt8(ascii: "]"))
        return literal(out.finish())
    }

    /// The text of a string, number or boolean, as `JSONValue.text`.
    package var text: String? {
        if case .value(let value) = self { value.text } else { nil }
    }

    package var stringBytes: ByteSlice? {
        if case .value(let value) = self { value.stringBytes } else { nil }
    }

    package var kind: JSONKind {
        switch self {
        case .value(let value): value.kind
        case .object: .object
        }
    }

    /// The elements' texts when it is an array of scalars, else its own text, else none.
    package var texts: [String] {
        guard case .value(let value) = self else { return [] }
        if value.kind == .array { return value.elements.compactMap(\.text) }
        return value.text.map { [$0] } ?? []
    }

    package var asObject: JSONObject? {
        switch self {
        case .object(let object): object
        case .value(let value): value.kind == .object ? JSONObject(value) : nil
        }
    }

    func write(to out: inout ByteWriter) {
        switch self {
        case .value(let value): out.bytes(value.raw)
        case .object(let object): object.write(to: &out)
        }
    }
}
