import Testing
import VarvePlatform

@testable import VarveDelivery

@Suite struct JSONObjectTests {
    private func object(_ text: StaticString) throws -> JSONObject {
        JSONObject(try JSONDocument(ByteSlice(stringLiteral: text)).root)
    }

    @Test func untouchedValuesStayByteForByte() throws {
        var object = try object(#"{"a":1.50,"b":"\u00e9","c":[1, 2],"d":{"e":1e400}}"#)
        object.set("f", to: "x")
        #expect(
            object.text.string == #"{"a":1.50,"b":"\u00e9","c":[1, 2],"d":{"e":1e400},"f":"x"}"#)
    }

    @Test func setMakesTheObjectsOnTheWay() throws {
        var object = try object(#"{"source":{"ip":"1.2.3.4"}}"#)
        object.set("source.port", to: "1")
        object.set("network.direction", to: "inbound")
        #expect(
            object.text.string
                == #"{"source":{"ip":"1.2.3.4","port":"1"},"network":{"direction":"inbound"}}"#)
    }

    @Test func setReplacesWhatIsThereNestedOrDotted() throws {
        var object = try object(#"{"a.b":1,"c":{"d":2}}"#)
        object.set("a.b", to: "x")
        object.set("c.d", to: "y")
        #expect(object.text.string == #"{"a.b":"x","c":{"d":"y"}}"#)
    }

    @Test func setThroughAScalarChangesNothing() throws {
        var object = try object(#"{"host":"web1"}"#)
        let isSet = object.set("host.name", to: .string("web1"))
        #expect(!isSet)
        #expect(object.text.string == #"{"host":"web1"}"#)
    }

    @Test func removeReturnsTheValueOnce() throws {
        var object = try object(#"{"a":{"b":1,"c":2},"d.e":3}"#)
        #expect(object.remove("a.b")?.text == "1")
        #expect(object.remove("a.b") == nil)
        #expect(object.remove("d.e")?.text == "3")
        #expect(object.text.string == #"{"a":{"c":2}}"#)
    }
}
