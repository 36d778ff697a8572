import Foundation
import VarveSimulation
import VarvePlatform
import VarveRecords

@testable import VarveDelivery

/// A directory that goes away with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("varve-delivery-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            fatalError("\(error)")
        }
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("\(error)") }
    }
}

extension Event {
    /// An event with a text for its value.
    static func text(
        _ value: String, topic: String = "zeek", partition: Int32 = 0, offset: Int64 = 0,
        timestamp: Int64 = 1_767_225_600_123
    ) -> Event {
        Event(
            topic: topic, partition: partition, offset: offset, timestamp: timestamp,
            value: ByteSlice(value))
    }

    /// Numbered JSON events of one partition.
    static func series(
        _ offsets: Range<Int64>, topic: String = "zeek", partition: Int32 = 0,
        timestamp: Int64 = 1_767_225_600_123
    ) -> [Event] {
        offsets.map {
            .text(
                #"{"n":\#($0),"message":"event number \#($0)"}"#, topic: topic,
                partition: partition, offset: $0, timestamp: timestamp)
        }
    }
}

let quiet = Logger("test", sink: { _ in })

extension WorkerConfiguration {
    /// Decodes a worker out of JSON5.
    static func decode(_ json5: String) throws -> WorkerConfiguration {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        do {
            return try decoder.decode(WorkerConfiguration.self, from: Data(json5.utf8))
        } catch {
            throw ConfigurationError(error)
        }
    }
}

/// Decodes one transform out of JSON5.
func transform(_ json5: String) throws -> TransformPipeline {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    do {
        return TransformPipeline([
            try decoder.decode(TransformConfiguration.self, from: Data(json5.utf8))
        ])
    } catch {
        throw ConfigurationError(error)
    }
}

extension [Verdict] {
    /// No event has a verdict that ends its way.
    var areAllWaiting: Bool { allSatisfy { $0.isWaiting } }
}
