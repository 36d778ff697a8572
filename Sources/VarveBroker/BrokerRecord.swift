/// One event of a partition, as the embedded calls take and give it.
public struct BrokerRecord: Hashable, Sendable {
    /// A named value beside the record; names may repeat.
    public struct Header: Hashable, Sendable {
        public var name: String
        public var value: [UInt8]?

        public init(name: String, value: [UInt8]?) {
            self.name = name
            self.value = value
        }
    }

    /// Its place in the partition, from 0; assigned by `append`, ignored there.
    public var offset: Int64
    /// Milliseconds since 1970-01-01T00:00:00Z; nil takes the time of the append.
    public var timestamp: Int64?
    public var key: [UInt8]?
    /// Nil is a tombstone: in a compacted topic it deletes the key.
    public var value: [UInt8]?
    public var headers: [Header]

    public init(
        value: [UInt8]?, key: [UInt8]? = nil, timestamp: Int64? = nil, headers: [Header] = [],
        offset: Int64 = 0
    ) {
        self.value = value
        self.key = key
        self.timestamp = timestamp
        self.headers = headers
        self.offset = offset
    }

    /// A record with the UTF-8 of `text`.
    public init(_ text: String, key: String? = nil) {
        self.init(value: Array(text.utf8), key: key.map { Array($0.utf8) })
    }

    /// The value as UTF-8; invalid sequences become U+FFFD. Empty without a value.
    public var text: String { String(decoding: value ?? [], as: UTF8.self) }
}
