import Testing
import VarvePlatform
import VarveSimulation

/// The passes over a JSON text that keep no places, against the one that does.
@Suite struct JSONPassTests {
    /// Texts around the borders: valid ones, and ones with a byte changed, cut or put in.
    private func text(_ generator: inout Generator) -> ByteSlice {
        var bytes: [UInt8] = []
        func space() {
            while generator.chance(1, in: 12) {
                bytes.append([0x20, 0x0A, 0x0D, 0x09][generator.below(4)])
            }
        }
        func string() {
            bytes.append(UInt8(ascii: "\""))
            for _ in 0..<[0, 3, 14, 15, 16, 17, 70, 140][generator.below(8)] {
                switch generator.below(12) {
                case 0: bytes += Array("\\\\".utf8)
                case 1: bytes += Array("\\\"".utf8)
                case 2: bytes += Array("\\n".utf8)
                case 3: bytes += Array("\\u00e9".utf8)
                case 4: bytes += Array("é€😀".utf8)
                default: bytes.append(UInt8(ascii: "a") + UInt8(generator.below(26)))
                }
            }
            bytes.append(UInt8(ascii: "\""))
        }
        func value(_ depth: Int) {
            space()
            switch depth > 3 ? generator.below(5) : generator.below(8) {
            case 0: string()
            case 1: bytes += Array("-12.5e3".utf8)
            case 2: bytes += Array("true".utf8)
            case 3: bytes += Array("null".utf8)
            case 4: bytes += Array("0".utf8)
            case 5:
                bytes.append(UInt8(ascii: "["))
                for index in 0..<generator.below(4) {
                    if index > 0 { bytes.append(UInt8(ascii: ",")) }
                    value(depth + 1)
                }
                bytes.append(UInt8(ascii: "]"))
            default:
                bytes.append(UInt8(ascii: "{"))
                for index in 0..<generator.below(5) {
                    if index > 0 { bytes.append(UInt8(ascii: ",")) }
                    space()
                    switch generator.below(4) {
                    case 0: bytes += Array("\"name\"".utf8)
                    case 1: bytes += Array("\"n\\u0061me\"".utf8)
                    default: string()
                    }
                    space()
                    bytes.append(UInt8(ascii: ":"))
                    value(depth + 1)
                }
                bytes.append(UInt8(ascii: "}"))
            }
            space()
        }
        value(0)
        if generator.chance(1, in: 2), !bytes.isEmpty {
            let place = generator.below(bytes.count)
            switch generator.below(3) {
            case 0: bytes[place] = UInt8(generator.below(256))
            case 1: bytes.removeSubrange(place...)
            default: bytes.insert([0x5C, 0x22, 0x0A, 0x80, 0x1F][generator.below(5)], at: place)
            }
        }
        return ByteSlice(bytes)
    }

    /// Whether a line ends outside of the strings of a valid text.
    private func hasNewline(_ text: ByteSlice) -> Bool {
        text.withUnsafeBytes { $0.contains { $0 == 0x0A || $0 == 0x0D } }
    }

    private func scalars(_ value: JSONValue) -> [ByteSlice] {
        switch value.kind {
        case .object:
            var result: [ByteSlice] = []
            value.forEachMember { _, member in
                result += scalars(member)
                return true
            }
            return result
        case .array: return value.elements.flatMap(scalars)
        case .string: return [value.stringBytes!]
        case .number: return [value.raw]
        case .bool, .null: return []
        }
    }

    @Test func theyAgreeWithTheDocumentOnEveryText() {
        var generator = Generator("theyAgreeWithTheDocumentOnEveryText")
        for _ in 0..<10_000 {
            let text = text(&generator)
            var outline: Result<JSONOutline, JSONError>
            do throws(JSONError) { outline = .success(try JSONOutline(text, member: "name")) } catch
            { outline = .failure(error) }
            var written = ByteWriter()
            written.utf8("before")
            var failure: JSONError?
            do throws(JSONError) { try written.jsonScalars(of: text) } catch { failure = error }
            do throws(JSONError) {
                let root = try JSONDocument(text).root
                guard case .success(let outline) = outline else {
                    Issue.record("\(text): \(outline)")
                    continue
                }
                #expect(outline.kind == root.kind, "\(text)")
                #expect(outline.isBare == (root.raw.count == text.count), "\(text)")
                #expect(outline.hasMember == (root.field("name") != nil), "\(text)")
                #expect(outline.hasNewline == hasNewline(text), "\(text)")
                let words: [UInt8] = scalars(root).flatMap { $0.array + [0x0A] }
                let expected = ByteSlice("before".utf8 + words)
                #expect(failure == nil)
                #expect(written.finish() == expected, "\(text)")
            } catch {
                guard case .failure(let other) = outline else {
                    Issue.record("\(text) is no JSON, and has an outline")
                    continue
                }
                #expect(other == error, "\(text)")
                #expect(failure == error, "\(text)")
                #expect(written.finish() == "before", "\(text)")
            }
        }
    }

    /// The instructions that look at many bytes at once say what the portable loop says.
    @Test func bothWaysThroughAStringStopAtTheSameByte() {
        var generator = Generator("bothWaysThroughAStringStopAtTheSameByte")
        for round in 0..<20_000 {
            // Dense backslashes, some, hardly any: runs of them cross every border.
            let density = [2, 12, 300][round % 3]
            let bytes = (0..<generator.below(300)).map { _ -> UInt8 in
                if generator.below(density) == 0 { return UInt8(ascii: "\\") }
                if generator.below(density * 4) == 0 {
                    return [0x22, 0x1F, 0x80, 0x75, 0x2F][generator.below(5)]
                }
                return [0x6E, 0x62, 0x72, 0x78, 0x7F][generator.below(round % 2 == 0 ? 3 : 5)]
            }
            let found = JSONEscapes.plainCounts(ByteSlice(bytes))
            #expect(found.fast == found.portable, "\(bytes)")
            #expect(found.fastEscaped == found.portableEscaped, "\(bytes)")
        }
    }
}
