package import VarvePlatform
package import VarveRecords

/// Shows the files of a partition line by line, as `kafka-dump-log.sh` shows Kafka's.
///
/// Reads only, in bounded memory (I8): a window of 1 MiB, or one batch where its records are shown.
/// The words and their order are Kafka's; what Kafka has no file for (seals, the durable mark, our
/// producer snapshots) is shown in the same manner. Source: kafka.tools.DumpLogSegments.
package struct LogDump {
    /// What is shown of a record's key and value.
    package enum Contents: Sendable {
        /// The bytes themselves, as UTF-8.
        case bytes
        /// What a decoder made of them.
        case decoded(key: String, payload: String?)
    }

    package struct Options: Sendable {
        package var form = LogDumpLine.Form.text
        /// Show the records of each batch.
        package var showsRecords = false
        /// Show their keys and values.
        package var showsContents = false
        /// Leave out everything of a record but its key and value (text only).
        package var skipsMetadata = false
        /// Index files: check the entries, and do not show them.
        package var verifiesIndexOnly = false
        /// Index files: check only what Kafka checks at a start.
        package var checksIndexSanity = false
        /// The first and the last offset to show.
        package var offsets: ClosedRange<Int64> = 0...Int64.max
        /// Reads no more than so many bytes of each .log file.
        package var bytesMax = Int64.max
        /// Shows keys and values of records that only a decoder can read; nil for the bytes.
        package var decode: (@Sendable (Record) -> Contents)?

        package init() {}
    }

    let disk: any Disk
    let options: Options
    let write: (LogDumpLine) -> Void
    /// Offsets that do not follow each other, and index entries that point wrong: told at the end.
    var complaints: [String] = []
    /// More of them are only counted.
    private static let complaintsMax = 10_000
    private var complaintsLeftOut = 0

    /// - Parameter write: gets every line, in order.
    package init(disk: any Disk, options: Options, write: @escaping (LogDumpLine) -> Void) {
        self.disk = disk
        self.options = options
        self.write = write
    }

    /// Shows the file at `path`; what it is, its name says. False for a name that says nothing.
    /// - Throws: `.io` when it cannot be read.
    package mutating func dump(_ path: String) throws(LogError) -> Bool {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if options.form == .text { write(LogDumpLine("Dumping \(path)")) }
        let parsed = SegmentName.parse(name)
        if options.form == .json {
            begin(path, name, parsed?.base)
        }
        do throws(SystemError) {
            if name == "durable" {
                try dumpMark(path)
                return true
            }
            let suffix = name.split(separator: ".").last.map(String.init) ?? ""
            switch suffix {
            case "log": try dumpLog(path, base: parsed?.base)
            case "index": try dumpIndex(path, base: parsed?.base ?? 0)
            case "timeindex": try dumpTimeIndex(path, base: parsed?.base ?? 0)
            case "txnindex": try dumpTransactionIndex(path)
            case "producers": try dumpProducers(path)
            case "seal": try dumpSeal(path)
            default:
                complain("Ignoring unknown file \(path)")
                return false
            }
        } catch {
            throw .io(error)
        }
        return true
    }

    private func begin(_ path: String, _ name: String, _ base: Int64?) {
        write(
            LogDumpLine(
                "file",
                [
                    ("path", .string(path)),
                    ("startOffset", base.map { .int($0) } ?? .null),
                ], .json))
    }

    /// Tells what was collected on the way; call it after the last file.
    package mutating func finish() {
        for complaint in complaints { complain(complaint) }
        if complaintsLeftOut > 0 { complain("and \(complaintsLeftOut) more like these") }
        complaints = []
    }

    /// Something wrong, told at once: on its own in JSON.
    func complain(_ text: String) {
        switch options.form {
        case .text: write(LogDumpLine(text, isComplaint: true))
        case .json: write(LogDumpLine("complaint", [("text", .string(text))], .json))
        }
    }

    /// Something wrong, told by `finish`.
    mutating func note(_ complaint: String) {
        if complaints.count < Self.complaintsMax {
            complaints.append(complaint)
        } else {
            complaintsLeftOut += 1
        }
    }

    // MARK: Batches

    private mutating func dumpLog(_ path: String, base: Int64?) throws(SystemError) {
        if options.form == .text, let base { write(LogDumpLine("Log starting offset: \(base)")) }
        let file = try disk.open(path, .read)
        let whole = try file.size()
        let size = min(whole, options.bytesMax)
        var last: Int64 = -1
        var pairs: [(Int64, Int64)] = []
        try BatchScanner.withWindow { (window) throws(SystemError) in
            var scanner = BatchScanner(file: file, size: size, window: window)
            var position: Int64 = 0
            while position < size {
                guard let (header, isValid) = try next(&scanner, position, size) else {
                    let resume = try scanner.nextBatch(
                        from: position + 1, offsets: 0..<Int64.max)
                    if let resume {
                        invalid(resume - position, at: position)
                        position = resume
                        continue
                    }
                    if size == whole {
                        let end = try scanner.end(of: position)
                        if end > position {
                            rest(end - position, "invalid bytes", "trailing", path)
                        }
                        if end < size { rest(size - end, "zeros, written ahead,", "ahead", path) }
                    }
                    return
                }
                if header.baseOffset > options.offsets.upperBound { return }
                if header.lastOffset >= options.offsets.lowerBound {
                    write(
                        .batch(header, at: position, isValid: isValid, options.form))
                    if isValid && (options.showsRecords || options.showsContents) {
                        try dumpRecords(header, file, position, &last, &pairs)
                    }
                }
                position += Int64(header.totalByteCount)
            }
        }
        if !pairs.isEmpty {
            note("Non-consecutive offsets in \(path)")
            for (first, second) in pairs { note("  \(first) is followed by \(second)") }
        }
    }

    /// The batch at `position`, also one with a wrong checksum where its length leads to the next
    /// batch or the end; nil where none can be told.
    private func next(
        _ scanner: inout BatchScanner, _ position: Int64, _ size: Int64
    ) throws(SystemError) -> (RecordBatchHeader, Bool)? {
        if let header = try scanner.batch(at: position) { return (header, true) }
        guard let header = try scanner.header(at: position) else { return nil }
        let behind = position + Int64(header.totalByteCount)
        guard behind <= size else { return nil }
        if behind == size { return (header, false) }
        return try scanner.batch(at: behind) == nil ? nil : (header, false)
    }

    private func invalid(_ count: Int64, at position: Int64) {
        switch options.form {
        case .text: write(LogDumpLine("Found \(count) invalid bytes at position \(position)"))
        case .json:
            write(
                LogDumpLine(
                    "invalid", [("position", .int(position)), ("bytes", .int(count))], .json))
        }
    }

    private func rest(_ count: Int64, _ what: String, _ type: String, _ path: String) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch options.form {
        case .text: write(LogDumpLine("Found \(count) \(what) at the end of \(name)"))
        case .json: write(LogDumpLine(type, [("bytes", .int(count))], .json))
        }
    }

    private func dumpRecords(
        _ header: RecordBatchHeader, _ file: any DiskFile, _ position: Int64, _ last: inout Int64,
        _ pairs: inout [(Int64, Int64)]
    ) throws(SystemError) {
        guard header.totalByteCount <= RecordsCheck.batchBytesMax else {
            complain(
                "The records at position \(position) are not shown: the batch has "
                    + "\(header.totalByteCount) bytes")
            return
        }
        let batch = try ByteSlice(filling: header.totalByteCount) {
            (buffer) throws(SystemError) in try file.read(into: buffer, at: position)
        }
        do throws(RecordError) {
            try RecordBatch.forEachRecord(in: batch) { record in
                if last >= 0, record.offset != last + 1, pairs.count < 1000 {
                    pairs.append((last, record.offset))
                }
                last = record.offset
                guard options.offsets.contains(record.offset) else { return }
                let contents: Contents? =
                    options.showsContents ? options.decode?(record) ?? .bytes : nil
                write(
                    .record(
                        record, of: header, contents, withMetadata: !options.skipsMetadata,
                        options.form))
            }
        } catch {
            complain("The records at position \(position) cannot be shown: \(error)")
        }
    }
}
