import Foundation
import Testing
internal import VarveMessages
internal import VarvePlatform
internal import VarveWire

/// Bytes that other implementations wrote, for every message and version that they have.
@Suite struct GoldenBytesTests {
    @Test func everyMessageReadsAndWritesWhatKafkaPythonWrites() throws {
        let entries = Dictionary(grouping: MessageCatalog.entries, by: \.name)
        var compared = 0
        for line in try Fixture.lines("golden.txt") {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            let bounds = parts[1].split(separator: "-").compactMap { Int16($0) }
            let bytes = try #require(ByteSlice(hex: parts[3]))
            for version in bounds[0]...bounds[1] {
                let entry = try #require(
                    entries[String(parts[0])]?.first { $0.version == version }, "\(parts[0])")
                let label = "\(parts[0]) v\(version) \(parts[2])"
                let (message, remaining) = try entry.decode(bytes)
                #expect(remaining == 0, "\(label)")
                #expect(try entry.encode(message) == bytes, "\(label)")
                for difference in Self.unexpectedLeaves(message) {
                    Issue.record("\(label): \(difference)")
                }
                compared += 1
            }
        }
        #expect(compared > 500)
    }

    /// The rest have bytes in a test of their own: `listOffsetsOfVersionZero…` below, and
    /// `ConsumerGroupWireTests`, `TransactionRecordTests` and `VersionedRecordTests`.
    @Test func everyVersionOfEveryMessageHasGoldenBytes() throws {
        var covered: Set<String> = ["ListOffsetsRequest 0", "ListOffsetsResponse 0"]
        for line in try Fixture.lines("golden.txt") {
            let parts = line.split(separator: " ")
            let bounds = parts[1].split(separator: "-").compactMap { Int16($0) }
            for version in bounds[0]...bounds[1] { covered.insert("\(parts[0]) \(version)") }
        }
        for entry in MessageCatalog.entries
        where entry.type is any WireRequest.Type || entry.type is any WireResponse.Type {
            if entry.name.hasPrefix("ConsumerGroup") { continue }
            let isCovered = covered.contains("\(entry.name) \(entry.version)")
            #expect(isCovered, "\(entry.name) \(entry.version)")
        }
    }

    /// The version of ListOffsets that Kafka 4 has no more and Burrow asks in. Source: the Kafka
    /// protocol guide, "ListOffsets Request (Version: 0)".
    @Test func listOffsetsOfVersionZeroReadsAndWritesAsTheGuideSays() throws {
        var request = ListOffsetsRequest()
        request.replicaId = -1
        var topic = ListOffsetsRequest.Topic()
        topic.name = "t"
        var partition = ListOffsetsRequest.Partition()
        partition.partitionIndex = 2
        partition.timestamp = -2
        partition.maxNumOffsets = 7
        topic.partitions = [partition]
        request.topics = [topic]
        let asked = "ffffffff 00000001 000174 00000001 00000002 fffffffffffffffe 00000007"
        var response = ListOffsetsResponse()
        var answeredTopic = ListOffsetsResponse.Topic()
        answeredTopic.name = "t"
        var answer = ListOffsetsResponse.Partition()
        answer.partitionIndex = 2
        answer.errorCode = .offsetOutOfRange
        answer.oldStyleOffsets = [9, 3]
        answeredTopic.partitions = [answer]
        response.topics = [answeredTopic]
        let answered =
            "00000001 000174 00000001 00000002 0001 00000002 0000000000000009 0000000000000003"
        for (message, kind, hex) in [
            (request, "Request", asked), (response, "Response", answered),
        ] as [(any WireMessage, String, String)] {
            let entry = try #require(
                MessageCatalog.entries.first {
                    $0.name == "ListOffsets\(kind)" && $0.version == 0
                })
            let bytes = try #require(ByteSlice(hex: hex.filter { $0 != " " }))
            #expect(try entry.encode(message) == bytes)
            let (read, remaining) = try entry.decode(bytes)
            #expect(remaining == 0)
            #expect(String(describing: read) == String(describing: message))
        }
    }

    /// Fields of `message` that hold neither what the fixture put there nor their default. Bytes
    /// alone would not show two fields of one type that change places.
    static func unexpectedLeaves(_ message: any WireMessage) -> [String] {
        var found: [String] = []
        compare(message, default: type(of: message).init(), path: "", found: &found)
        return found
    }

    private static func compare(
        _ value: Any, default initial: Any?, path: String, found: inout [String]
    ) {
        if let number = value as? any FixedWidthInteger {
            let expected = Int64(truncatingIfNeeded: Fixture.hash(path))
            let initial = (initial as? any FixedWidthInteger).map { Int64(truncatingIfNeeded: $0) }
            check(
                Int64(truncatingIfNeeded: number), initial,
                expected: Self.truncate(expected, like: number))
        } else if let number = value as? Double {
            check(number, initial, expected: Double(Int32(truncatingIfNeeded: Fixture.hash(path))))
        } else if let code = value as? ErrorCode {
            let expected = ErrorCode(rawValue: Int16(truncatingIfNeeded: Fixture.hash(path)))
            check(code, initial, expected: expected)
        } else if let flag = value as? Bool {
            check(flag, initial, expected: Fixture.hash(path) & 1 == 1)
        } else if let text = value as? String {
            check(text, initial, expected: path)
        } else if let bytes = value as? ByteSlice {
            check(bytes, initial, expected: ByteSlice(path))
        } else if let id = value as? UniqueID {
            let half = Fixture.hash(path)
            check(id, initial, expected: UniqueID(high: half, low: half))
        } else {
            children()
        }

        func check<Value: Equatable>(_ value: Value, _ initial: Any?, expected: Value) {
            if value != expected, value != initial as? Value {
                found.append("\(path) is \(value), not \(expected)")
            }
        }

        func children() {
            let mirror = Mirror(reflecting: value)
            if mirror.displayStyle == .optional {
                guard let some = mirror.children.first else { return }
                return compare(some.value, default: nil, path: path, found: &found)
            }
            let defaults = initial.map { Array(Mirror(reflecting: $0).children) }
            for (index, child) in mirror.children.enumerated() {
                let isElement = mirror.displayStyle == .collection
                let name = isElement ? String(index) : child.label ?? ""
                let initial: Any? =
                    if isElement {
                        (type(of: child.value) as? any WireValue.Type).map { $0.init() as Any }
                    } else {
                        defaults.map { $0[index].value }
                    }
                compare(
                    child.value, default: initial, path: path.isEmpty ? name : "\(path).\(name)",
                    found: &found)
            }
        }
    }

    private static func truncate(_ value: Int64, like number: some FixedWidthInteger) -> Int64 {
        switch number.bitWidth {
        case 8: Int64(Int8(truncatingIfNeeded: value))
        case 16 where number is UInt16: Int64(UInt16(truncatingIfNeeded: value))
        case 16: Int64(Int16(truncatingIfNeeded: value))
        case 32: Int64(Int32(truncatingIfNeeded: value))
        default: value
        }
    }
}
