package import VarvePlatform
internal import VarveRecords

/// Reads a whole data directory and tells what in it is not as it should be.
///
/// Changes nothing and takes no lock, so it works beside a running broker. There, what lies beyond
/// the durable mark may be half-written, and files come and go: neither is ever a finding, and
/// what is below the mark is judged as strictly as in a stopped directory.
package struct Verification: Sendable {
    package struct Options: Sendable {
        /// Only this topic; nil for all.
        package var topic: String?
        /// Only this partition of it.
        package var partition: Int32?
        /// A broker works in the directory.
        package var isRunning = false
        /// Ask the device, not the page cache, and leave nothing of what was read in the cache.
        package var dropsCache = false
        /// Decompress the batches and read the records in them.
        package var readsRecords = true
        /// Waits a little, before something in a running broker's directory is looked at again.
        package var pause: @Sendable () -> Void = {}
        /// Is told how many more bytes of segments are done.
        package var progress: @Sendable (Int64) -> Void = { _ in }

        package init() {}
    }

    let path: String
    let disk: any Disk
    let options: Options
    private var report = VerificationReport()

    package init(path: String, disk: any Disk, options: Options) {
        self.path = path
        self.disk = disk
        self.options = options
    }

    private var topicsPath: String { path + "/topics" }

    /// Bytes of all segments that `run` would read, for a progress bar.
    /// - Throws: `.io` when the directory cannot be listed.
    package func byteCount() throws(LogError) -> Int64 {
        do throws(SystemError) {
            var sum: Int64 = 0
            for topic in try topicNames() {
                for name in try names(in: topicsPath + "/" + topic) where isWanted(name) {
                    let directory = "\(topicsPath)/\(topic)/\(name)"
                    for file in try names(in: directory) where file.hasSuffix(".log") {
                        if case .file(let size)? = try disk.entry(directory + "/" + file) {
                            sum += size
                        }
                    }
                }
            }
            return sum
        } catch {
            throw .io(error)
        }
    }

    private func isWanted(_ name: String) -> Bool {
        Int32(name) != nil && (options.partition == nil || Int32(name) == options.partition)
    }

    /// The names in a directory; none where that is gone.
    private func names(in directory: String) throws(SystemError) -> [String] {
        do throws(SystemError) {
            return try disk.list(directory)
        } catch {
            if error.isMissing { return [] }
            throw error
        }
    }

    private func topicNames() throws(SystemError) -> [String] {
        try names(in: topicsPath).filter {
            TopicName.isValid($0) && (options.topic == nil || $0 == options.topic)
        }
    }

    /// Reads everything and returns what was found.
    /// - Throws: `.io` when `path` is no directory that can be read; `.unknownTopic`.
    package mutating func run() throws(LogError) -> VerificationReport {
        report = VerificationReport()
        let topics: [String]
        do throws(SystemError) {
            _ = try disk.list(path)
            topics = try topicNames()
        } catch {
            throw .io(error)
        }
        if let topic = options.topic, topics.isEmpty { throw .unknownTopic(topic) }
        do throws(SystemError) {
            if options.topic == nil {
                try verifyMeta()
                try verifyProducerIDs()
                try verifyJournal()
            }
            for topic in topics { try verifyTopic(topic) }
            if options.topic == nil { noteLeftTopics(try names(in: topicsPath)) }
            try verifyQuarantine()
        } catch {
            throw .io(error)
        }
        report.notices = report.findings.filter(\.isNotice)
        report.findings.removeAll(where: \.isNotice)
        return report
    }

    // MARK: The directory

    private mutating func verifyMeta() throws(SystemError) {
        let file = path + "/meta.json"
        guard try disk.entry(file) != nil else {
            report.findings.append(Finding(.metaDamaged, file, "the file is missing"))
            return
        }
        let bytes = try disk.readAll(file, bytesMax: 1 << 20)
        do throws(LogError) {
            _ = try DirectoryMeta.parse(bytes, file).get()
        } catch {
            report.findings.append(Finding(.metaDamaged, file, "\(error)"))
        }
    }

    private mutating func verifyProducerIDs() throws(SystemError) {
        let file = path + "/producer-ids"
        guard try disk.entry(file) != nil else { return }
        if ProducerIDs.number(in: try disk.readAll(file, bytesMax: 1024)) == nil {
            report.findings.append(
                Finding(.producerIDsDamaged, file, "no number, or its checksum is wrong"))
        }
    }

    /// What an unclean stop has left there belongs to the segments, and the next start puts it into
    /// them. A running broker writes it over.
    private mutating func verifyJournal() throws(SystemError) {
        guard !options.isRunning else { return }
        for name in Journal.fileNames {
            let file = "\(path)/\(Journal.directoryName)/\(name)"
            guard try disk.entry(file) != nil else { continue }
            let scan = try JournalScan(try disk.open(file, .read))
            if !scan.entries.isEmpty {
                report.notes.append(
                    "\(file) has batches for \(scan.entries.count) places; the next start puts "
                        + "into the segments what they lack of them")
            }
            for range in scan.damage {
                report.findings.append(
                    Finding(
                        .journalDamaged, file, position: range.lowerBound,
                        byteCount: Int64(range.count), "no entry, with others behind it"))
            }
        }
    }

    // MARK: Topics

    private mutating func verifyTopic(_ name: String) throws(SystemError) {
        let directory = topicsPath + "/" + name
        guard try disk.entry(directory) == .directory else {
            if try disk.entry(directory) != nil {
                report.notes.append("\(directory) is no directory; left alone")
            }
            return
        }
        let before = try description(directory)
        var found = VerificationReport()
        let description: TopicDescription?
        switch before {
        case .success(let read): description = read
        case .failure(let error):
            description = nil
            found.findings.append(
                Finding(.topicDamaged, directory + "/" + TopicDescription.fileName, "\(error)"))
        }
        let isCompacting = check(description, directory, &found)
        let numbers = try names(in: directory).compactMap { Int32($0) }.filter { $0 >= 0 }
        let count = description.map { Int32(clamping: $0.partitionCount) }
        found.topicCount = 1
        for number in numbers.sorted() {
            if let count, number >= count {
                found.notes.append("\(directory)/\(number) is no partition of the topic")
                continue
            }
            if let wanted = options.partition, wanted != number { continue }
            try verifyPartition(name, number, directory, isCompacting, &found)
        }
        for number in 0..<(count ?? 0) where !numbers.contains(number) {
            if let wanted = options.partition, wanted != number { continue }
            found.findings.append(
                Finding(.partitionMissing, "\(directory)/\(number)", "the directory is missing"))
        }
        // A topic that was deleted meanwhile, or made anew, has nothing to answer for. (Its
        // description is asked for on either side: between two deletions the directory is there.)
        if options.isRunning, !found.findings.isEmpty {
            options.pause()
            guard try self.description(directory) == before,
                try disk.entry(directory) == .directory,
                try self.description(directory) == before
            else { return }
        }
        for index in found.findings.indices { found.findings[index].topic = name }
        report.add(found)
    }

    private func description(
        _ directory: String
    ) throws(SystemError) -> Result<TopicDescription, LogError> {
        let path = directory + "/" + TopicDescription.fileName
        let bytes: ByteSlice
        do throws(SystemError) {
            bytes = try disk.readAll(path, bytesMax: 1 << 20)
        } catch {
            if error.isMissing {
                return .failure(.corrupt(path: path, position: 0, reason: "it is missing"))
            }
            throw error
        }
        do throws(LogError) {
            return .success(try TopicDescription(bytes, path: path))
        } catch {
            return .failure(error)
        }
    }

    /// Checks the topic's settings; true where they ask for compaction.
    private func check(
        _ description: TopicDescription?, _ directory: String, _ found: inout VerificationReport
    ) -> Bool {
        guard let description else { return false }
        do throws(LogError) {
            return try TopicConfiguration(overrides: description.overrides).isCompacting
        } catch {
            found.findings.append(
                Finding(
                    .topicConfigurationUnknown, directory + "/" + TopicDescription.fileName,
                    "\(error)"))
            return false
        }
    }

    private func verifyPartition(
        _ topic: String, _ number: Int32, _ directory: String, _ isCompacting: Bool,
        _ found: inout VerificationReport
    ) throws(SystemError) {
        do throws(SystemError) {
            var partition = try PartitionVerification(
                topic: topic, partition: number, directory: "\(directory)/\(number)",
                isCompacting: isCompacting, disk: disk, options: options)
            try partition.run()
            found.add(partition.report)
        } catch {
            // The topic was deleted meanwhile, or the disk is sick: the others are read as well.
            if error.isMissing && options.isRunning { return }
            found.findings.append(
                Finding(.unreadable, "\(directory)/\(number)", "\(error)"))
        }
    }

    private mutating func noteLeftTopics(_ names: [String]) {
        guard !options.isRunning else { return }
        for name in names where name.utf8.contains(UInt8(ascii: "~")) {
            report.notes.append("\(topicsPath)/\(name) goes at the next start")
        }
    }

    // MARK: Quarantine

    private mutating func verifyQuarantine() throws(SystemError) {
        let directory = path + "/quarantine"
        for name in try names(in: directory) where name.hasSuffix(".json") {
            let file = directory + "/" + name
            if name.hasSuffix(".topic.json") {
                report.notes.append("\(file) is a damaged topic.json, set aside")
                continue
            }
            let members: JSON
            let text = try disk.readAll(file, bytesMax: 1 << 20)
            do throws(JSONError) {
                members = try JSON(parsing: text)
            } catch {
                report.findings.append(Finding(.quarantineDamaged, file, "the report: \(error)"))
                continue
            }
            if let topic = options.topic, members["topic"]?.string != topic { continue }
            report.quarantine.append(QuarantinedPiece(path: file, members: members))
            if let reason = try reasonAgainstCopy(String(file.dropLast(5)) + ".bytes", members) {
                report.findings.append(
                    Finding(.quarantineDamaged, String(file.dropLast(5)) + ".bytes", reason))
            }
        }
    }

    /// What is wrong with the copy that a report speaks of; nil when nothing is.
    private func reasonAgainstCopy(
        _ path: String, _ members: JSON
    ) throws(SystemError) -> String? {
        guard let bytes = members["bytes"]?.int, let checksum = members["crc32c"]?.string else {
            return nil
        }
        guard case .file(let size)? = try disk.entry(path) else { return "the copy is missing" }
        guard size == bytes else { return "the copy has \(size) of \(bytes) bytes" }
        let file = try disk.open(path, .read)
        let found = try BatchScanner.withWindow { (window) throws(SystemError) in
            var found: UInt32 = 0
            var position: Int64 = 0
            while position < size {
                let count = try file.read(into: window, at: position)
                guard count > 0 else { break }
                found = CRC32C.checksum(
                    UnsafeRawBufferPointer(rebasing: window[..<count]), seed: found)
                position += Int64(count)
            }
            return found
        }
        return String(found, radix: 16) == checksum ? nil : "the copy's checksum is wrong"
    }
}
