package import VarvePlatform

/// One event as producers write and consumers read it.
///
/// Key, value and headers usually share the memory of the batch they came out of and keep it
/// alive; `detached` pieces do not.
package struct Record: Hashable, Sendable {
    /// The record's place in its partition; 0 and up once the broker has assigned it.
    package var offset: Int64
    /// Milliseconds since 1970; -1 without one.
    package var timestamp: Int64
    /// Nil is not the same as empty: a record without a key goes to any partition.
    package var key: ByteSlice?
    /// Nil is a tombstone: in a compacted topic it deletes its key.
    package var value: ByteSlice?
    /// In the order they were written; names may repeat.
    package var headers: [RecordHeader]

    package init(
        offset: Int64 = 0, timestamp: Int64, key: ByteSlice? = nil, value: ByteSlice?,
        headers: [RecordHeader] = []
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// A name and a value beside a record's own (KIP-82).
package struct RecordHeader: Hashable, Sendable {
    /// UTF-8 by Kafka's rule, kept as bytes because nobody enforces it.
    package var name: ByteSlice
    package var value: ByteSlice?

    package init(name: ByteSlice, value: ByteSlice?) {
        self.name = name
        self.value = value
    }

    package init(name: String, value: ByteSlice?) {
        self.init(name: ByteSlice(name), value: value)
    }
}

/// What a control batch's record says, by the type in its key (KIP-98, "Control Messages").
///
///     key:   version int16 (0), type int16
///     value: version int16 (0), coordinatorEpoch int32        of an abort or a commit
package enum ControlType: Int16, Sendable {
    case abort = 0
    case commit = 1

    /// Reads the key of a control record; nil for other types, which a consumer steps over.
    package init?(key: ByteSlice?) {
        guard let key, key.count >= 4 else { return nil }
        self.init(rawValue: Int16(key[2]) << 8 | Int16(key[3]))
    }
}
