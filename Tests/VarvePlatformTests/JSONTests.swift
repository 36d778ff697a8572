import Testing
import VarvePlatform

@Suite struct JSONTests {
    @Test func valuesComeBackAsTheyWereWritten() throws {
        let value = JSON.object([
            ("null", .null), ("yes", .bool(true)), ("least", .int(.min)), ("most", .int(.max)),
            ("half", .double(0.5)), ("text", .string("quote \" slash \\ line\n tab\t bell\u{7} ü 🪨")),
            ("list", .array([.int(1), .array([]), .object([])])),
        ])
        #expect(try JSON(parsing: value.text()) == value)
        #expect(try JSON(parsing: value.text(indent: true)) == value)
        #expect(value["least"]?.int == .min && value["none"] == nil)
    }

    @Test func escapesAreRead() throws {
        #expect(
            try JSON(parsing: #""\u0041\u00fc\ud83e\udea8\/\b\f""#).string == "Aü🪨/\u{8}\u{c}")
        #expect(try JSON(parsing: " [ 1 , -2.5e3 ,\r\n true ] ").array?.count == 3)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", "-", "1e", "tru", "nulll", "\"",
        "\"\n\"", "\"\\x\"", "\"\\u12g4\"", "[1] 2", "'a'", "NaN", "+1",
    ])
    func otherTextsAreRefused(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test func nestingIsBounded() throws {
        let inside =
            String(repeating: "[", count: JSONDocument.depthMax)
            + String(repeating: "]", count: JSONDocument.depthMax)
        _ = try JSON(parsing: inside)
        #expect(throws: JSONError.self) {
            try JSON(parsing: String(repeating: "[", count: 1_000_000))
        }
    }

    @Test func brokenUTF8IsRefused() {
        #expect(throws: JSONError.self) { try JSON(parsing: ByteSlice([0x22, 0xFF, 0x22])) }
    }
}
