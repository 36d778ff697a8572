import Foundation
import VarvePlatform

/// What all scenarios of a run share: its options, its directory, the load generators.
final class Workbench {
    let options: Options
    let broker: String
    /// Made for this run and removed at its end.
    let directory: String
    let programs: LoadPrograms
    private var nextName = 0

    init(_ options: Options) throws {
        self.options = options
        broker = try options.broker()
        let parent = URL(fileURLWithPath: options.directory).path
        directory = parent + "/varve-bench-\(ProcessControl.identifier)"
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: false)
        } catch {
            throw BenchError.usage("cannot make \(directory): \(error.localizedDescription)")
        }
        programs = LoadPrograms(log: directory)
        let made = directory
        NamedThread("interrupts") {
            let signal = ProcessControl.waitForSignal()
            Program.killAll()
            do { try FileManager.default.removeItem(atPath: made) } catch {
                print("could not remove \(made): \(error)")
            }
            ProcessControl.exitNow(128 + signal)
        }.detach()
    }

    /// A new directory for one contestant.
    func makeDirectory(_ name: String) throws -> String {
        nextName += 1
        let path = "\(directory)/\(name)-\(nextName)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    /// A port that was free a moment ago.
    func freePort() throws -> Int {
        try Socket.listen(Endpoint(host: "127.0.0.1", port: 0)).localPort
    }

    /// What one run left in the page cache must not be written out during the next.
    func settle() { sync() }

    func remove(_ path: String) {
        do { try FileManager.default.removeItem(atPath: path) } catch {
            print("could not remove \(path): \(error)")
        }
    }

    func end() { remove(directory) }

    /// Whether a peer was asked for.
    func wants(_ peer: String) -> Bool { options.peers?.contains(peer) ?? true }
}
