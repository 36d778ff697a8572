/// The machine's own limits as contestants. Their CPU counts as the broker's: it is what a broker
/// cannot do without.
enum Limits {
    /// Writes of 64 KiB and an fdatasync for each group, of the size that `producing` had.
    static func disk(_ bench: Workbench, _ load: Load, like producing: Producing) -> Single {
        Single("disk", isDurable: true) { _ in
            let bytes = load.recordBytes * load.records
            var measurement = try run(
                bench, "append",
                [
                    "file": bench.directory + "/limit", "bytes": "\(bytes)", "piece": "65536",
                    "group": "\(min(max(65536, producing.bytesPerSync ?? 1 << 20), bytes))",
                ])
            measurement.records = measurement.bytes / load.recordBytes
            return measurement
        }
    }

    /// Appends of so many bytes, each with an fdatasync.
    /// - Parameter pauseMicroseconds: from the beginning of one to that of the next; 0 where one
    ///   follows the other, and neither processor nor device ever rests.
    static func sync(
        _ bench: Workbench, bytes: Int, count: Int, pauseMicroseconds: Int = 0
    ) -> Single {
        Single(pauseMicroseconds == 0 ? "disk" : "disk-paced", isDurable: true) { _ in
            try run(
                bench, "append",
                [
                    "file": bench.directory + "/limit", "bytes": "\(bytes * count)",
                    "piece": "\(bytes)", "group": "\(bytes)", "pause": "\(pauseMicroseconds)",
                ])
        }
    }

    /// Batches of `load`, each to the next of as many files as it has partitions, and one write-back
    /// of the file system for half of what is under way.
    static func scattered(_ bench: Workbench, _ load: Load, seconds: Int) -> Single {
        Single("disk-\(load.partitions)", isDurable: true) { _ in
            // A batch's header, and seven bytes or so around each record.
            let piece = 61 + load.batchRecords * (load.recordBytes + 7)
            var measurement = try run(
                bench, "scatter",
                [
                    "file": bench.directory + "/limit", "files": "\(load.partitions)",
                    "piece": "\(piece)", "group": "\(load.inFlight / 2)",
                    "bytes": "\(load.records / load.batchRecords * piece)",
                    "seconds": "\(seconds)",
                ])
            measurement.records = measurement.bytes / piece * load.batchRecords
            measurement.bytes = measurement.records * load.recordBytes
            return measurement
        }
    }

    /// Appends, each with an fdatasync, of what a client sends over loopback, one at a time, answered when it
    /// is on disk: what no durable server can do without.
    static func server(_ bench: Workbench, bytes: Int, count: Int) -> Single {
        Single("server", isDurable: true) { _ in
            try run(
                bench, "server",
                [
                    "file": bench.directory + "/limit", "bytes": "\(bytes * count)",
                    "piece": "\(bytes)",
                ])
        }
    }

    /// The same bytes through a loopback connection; the CPU is that of both ends.
    static func loopback(_ bench: Workbench, _ load: Load) -> Single {
        transfer("loopback", bench, load)
    }

    /// The same by sendfile from the page cache.
    static func sendfile(_ bench: Workbench, _ load: Load) -> Single {
        transfer("sendfile", bench, load)
    }

    private static func transfer(_ name: String, _ bench: Workbench, _ load: Load) -> Single {
        Single(name) { _ in
            let bytes = load.recordBytes * load.records
            var measurement = try run(
                bench, name, ["file": bench.directory + "/limit", "bytes": "\(bytes)"])
            measurement.records = measurement.bytes / load.recordBytes
            return measurement
        }
    }

    private static func run(
        _ bench: Workbench, _ verb: String, _ options: KeyValuePairs<String, String>
    ) throws -> Measurement {
        var measurement = Measurement(try bench.programs.run(.limits, verb, options))
        measurement.brokerCPU = measurement.clientCPU
        measurement.clientCPU = nil
        return measurement
    }
}
