/// Why a broker does not start, or an embedded call fails. Each text names the thing and, where
/// there is one, the remedy.
public enum BrokerError: Error, Sendable, CustomStringConvertible {
    /// A setting that does not exist, or a value it cannot have.
    case badSetting(name: String, reason: String)
    /// A `host:port` that is none, or that cannot be resolved.
    case badAddress(String, reason: String)
    /// The address cannot be listened on: it is in use, or not this machine's.
    case cannotListen(String, reason: String)
    /// The data directory cannot be opened: locked by another broker, of a newer format, not
    /// writable, or its disk fails.
    case cannotOpen(directory: String, reason: String)
    /// Descriptors or threads ran out at the start.
    case noResources(String)
    /// The call needs a broker that runs.
    case notRunning
    /// No topic has this name, or no partition this number.
    case unknownTopic(String)
    case unknownPartition(topic: String, partition: Int)
    case topicExists(String)
    /// The topic's name or configuration, or a record, cannot be had; the text says why.
    case invalid(String)
    /// The offset is not between the partition's start and its end.
    case offsetOutOfRange(requested: Int64, start: Int64, end: Int64)
    /// The disk is full: nothing was written, and a later try may succeed.
    case diskFull(String)
    /// The disk failed: whether the records are stored is unknown until the broker reopens.
    case disk(String)

    public var description: String {
        switch self {
        case .badSetting(let name, let reason): "setting \(name): \(reason)"
        case .badAddress(let address, let reason): "address \(address): \(reason)"
        case .cannotListen(let address, let reason): "cannot listen on \(address): \(reason)"
        case .cannotOpen(let directory, let reason):
            "cannot open the data directory \(directory): \(reason)"
        case .noResources(let text): text
        case .notRunning: "the broker is not running"
        case .unknownTopic(let name): "unknown topic \(name)"
        case .unknownPartition(let topic, let partition):
            "topic \(topic) has no partition \(partition)"
        case .topicExists(let name): "topic \(name) exists already"
        case .invalid(let text): text
        case .offsetOutOfRange(let requested, let start, let end):
            "offset \(requested) is not between \(start) and \(end)"
        case .diskFull(let text): "the disk is full: \(text)"
        case .disk(let text): "the disk failed: \(text)"
        }
    }
}
