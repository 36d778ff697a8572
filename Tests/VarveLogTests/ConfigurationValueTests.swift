import Testing
import VarveLog

/// What topic configurations take, and what they say of anything else.
@Suite struct ConfigurationValueTests {
    @Test func valuesOfTheWrongKindAreRefusedByName() {
        for (name, value, reason) in [
            ("min.cleanable.dirty.ratio", "1.5", "0 to 1"),
            ("min.cleanable.dirty.ratio", "half", "0 to 1"), ("preallocate", "1", "true or false"),
            ("segment.bytes", "1 GB", "whole number"), ("segment.bytes", "1", "1024 to"),
            ("compression.type", "rar", "one of"), ("cleanup.policy", "delete,delete", "list of"),
            ("leader.replication.throttled.replicas", "0", "partition:broker"),
            ("leader.replication.throttled.replicas", "0:1,all", "partition:broker"),
            ("remote.storage.enable", "true", "no tiered storage"),
        ] {
            let error = #expect(throws: LogError.self) {
                try TopicConfiguration(overrides: [name: value])
            }
            #expect("\(error!)".contains(name) && "\(error!)".contains(reason), "\(error!)")
        }
    }

    @Test func rightValuesAreKept() throws {
        for (name, value) in [
            ("min.cleanable.dirty.ratio", "1"), ("preallocate", "true"),
            ("segment.bytes", "1024"), ("compression.type", "lz4"),
            ("compression.type", "uncompressed"), ("cleanup.policy", "compact, delete"),
            ("leader.replication.throttled.replicas", "0:1, 1:2"),
            ("follower.replication.throttled.replicas", "*"),
            ("remote.storage.enable", "false"), ("local.retention.ms", "-2"),
        ] {
            let configuration = try TopicConfiguration(overrides: [name: value])
            #expect(configuration.overrides == [name: value])
        }
    }
}
