package import VarvePlatform
package import VarveRecords

/// One record of the log on its way to a sink.
package struct Event: Sendable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// Milliseconds since 1970, as the producer or broker stamped the record; -1 for none.
    package let timestamp: Int64
    package let key: ByteSlice?
    /// The event's bytes, shared with the fetched batch; transforms put others here.
    package var value: ByteSlice?
    package let headers: [RecordHeader]

    package init(
        topic: String, partition: Int32, offset: Int64, timestamp: Int64, key: ByteSlice? = nil,
        value: ByteSlice?, headers: [RecordHeader] = []
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    package init(topic: String, partition: Int32, record: Record) {
        self.init(
            topic: topic, partition: partition, offset: record.offset,
            timestamp: record.timestamp, key: record.key, value: record.value,
            headers: record.headers)
    }

    /// `topic-partition-offset`: the same at every redelivery (D4), and what Kafka Connect's
    /// Elasticsearch connector makes of the three with `key.ignore`.
    package var identity: String { "\(topic)-\(partition)-\(offset)" }

    /// Bytes of key, value and headers, for limits.
    package var byteCount: Int {
        (key?.count ?? 0) + (value?.count ?? 0)
            + headers.reduce(0) { $0 + $1.name.count + ($1.value?.count ?? 0) }
    }
}
