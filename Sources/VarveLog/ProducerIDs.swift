internal import VarvePlatform

/// Gives out producer ids, each once, over restarts too.
///
/// The `producer-ids` file holds the first id that was not reserved yet, in decimal, and behind a
/// space the CRC-32C of that number's digits, in hexadecimal. A block is reserved durably before
/// the first id of it is given out; a crash wastes the rest of a block.
///
/// An id given out twice could make one producer's batch pass for the other's retry, which would
/// be acknowledged and lost. So a damaged file is not believed: ids then go on from the clock's
/// milliseconds times the block's size, which no earlier block can have reached.
final class ProducerIDs: Sendable {
    /// As many as Kafka's brokers reserve at a time (ProducerIdsBlock).
    private static let blockCount: Int64 = 1000

    private struct State {
        var next: Int64
        var reserved: Int64
    }

    private let path: String
    private let directory: String
    private let disk: any Disk
    private let state: Lock<State>

    /// - Parameter now: wall clock, ms since 1970.
    /// - Throws: `.io` where the file cannot be read.
    init(
        path: String, directory: String, disk: any Disk, now: Int64, logger: Logger?
    ) throws(LogError) {
        self.path = path
        self.directory = directory
        self.disk = disk
        var first: Int64 = 0
        do throws(SystemError) {
            if try disk.entry(path) != nil {
                if let number = Self.number(in: try disk.readAll(path, bytesMax: 1024)) {
                    first = number
                } else {
                    first = max(now, 0) * Self.blockCount
                    logger?.error(
                        "producer-ids is damaged; ids go on from the clock",
                        ["path": path, "next": first])
                }
            }
        } catch {
            throw LogError(error)
        }
        state = Lock(State(next: first, reserved: first))
    }

    /// Nil when the file is damaged.
    static func number(in bytes: ByteSlice) -> Int64? {
        let fields = bytes.string.split(separator: "\n").first?.split(separator: " ") ?? []
        guard let digits = fields.first, let number = Int64(digits), number >= 0,
            fields.count == 2, UInt32(fields[1], radix: 16) == checksum(of: digits)
        else { return nil }
        return number
    }

    private static func checksum(of digits: some StringProtocol) -> UInt32 {
        ByteSlice(String(digits)).withUnsafeBytes { CRC32C.checksum($0) }
    }

    func next() throws(LogError) -> Int64 {
        do throws(SystemError) {
            return try state.withLock { (state) throws(SystemError) in
                if state.next == state.reserved {
                    let reserved = state.reserved + Self.blockCount
                    let sum = String(Self.checksum(of: "\(reserved)"), radix: 16)
                    try disk.replace(
                        path, with: ByteSlice("\(reserved) \(sum)\n"), inDirectory: directory)
                    state.reserved = reserved
                }
                defer { state.next += 1 }
                return state.next
            }
        } catch {
            throw LogError(error)
        }
    }
}
