internal import VarvePlatform

/// Gives out producer ids, each once, over restarts too.
///
/// The `producer-ids` file holds the first id that was not reserved yet, in decimal. A block is
/// reserved durably before the first id of it is given out; a crash wastes the rest of a block.
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

    init(path: String, directory: String, disk: any Disk) throws(LogError) {
        self.path = path
        self.directory = directory
        self.disk = disk
        var first: Int64 = 0
        do throws(SystemError) {
            if try disk.entry(path) != nil {
                let text = try disk.readAll(path, bytesMax: 1024).string
                guard let line = text.split(separator: "\n").first, let number = Int64(line) else {
                    throw SystemError(call: "parse", errno: 0, subject: path)
                }
                first = number
            }
        } catch {
            throw error.call == "parse"
                ? .corrupt(path: path, position: 0, reason: "no number") : LogError(error)
        }
        state = Lock(State(next: first, reserved: first))
    }

    func next() throws(LogError) -> Int64 {
        do throws(SystemError) {
            return try state.withLock { (state) throws(SystemError) in
                if state.next == state.reserved {
                    let reserved = state.reserved + Self.blockCount
                    try disk.replace(
                        path, with: ByteSlice("\(reserved)\n"), inDirectory: directory)
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
