import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// What one partition must hold, told apart from the log itself.
struct PartitionModel {
    struct Entry {
        let bytes: ByteSlice
        let nextOffset: Int64
    }

    /// By base offset: every batch that the log may hold.
    var batches: [Int64: Entry] = [:]
    /// Everything below was acknowledged, or shown to a reader: it must stay.
    var durableEnd: Int64 = 0
    /// What trims and retention returned: nothing below may be missed or must come back.
    var startOffset: Int64 = 0
    /// The furthest a trim or retention may have got, whether or not it returned.
    var startMax: Int64 = 0

    /// About to be appended: the disk may die in the middle of the write, and keep all of it.
    mutating func appending(_ batch: ByteSlice, at base: Int64) {
        // What stood there before was lost before anybody saw it.
        for offset in batches.keys where offset >= base { batches[offset] = nil }
        let stamped = Batches.stamped(batch, at: base)
        batches[base] = Entry(
            bytes: stamped, nextOffset: RecordBatch.batches(in: stamped)[0].header.nextOffset)
    }

    /// Holds the log against the model: what was acknowledged is there, byte-identical, at its
    /// offset, and what is there was appended (I1, I3, I4). Takes what is readable as shown.
    mutating func check(_ log: PartitionLog, _ context: @autoclosure () -> String) throws {
        #expect(log.isOnline, "\(context()): offline: \(String(describing: log.failure))")
        let start = log.startOffset
        #expect(start >= startOffset, "\(context()): start \(start) went back before \(startOffset)")
        // A first segment whose name was lost before anything in it was acknowledged leaves the
        // log beginning with the second.
        #expect(
            start <= max(startMax, startOffset) || durableEnd <= start,
            "\(context()): start \(start) was never asked for")
        #expect(
            log.durableEnd >= durableEnd,
            "\(context()): end \(log.durableEnd), acknowledged \(durableEnd)")
        var found: Set<Int64> = []
        var next = start
        for (header, bytes) in try log.everything() {
            let base = header.baseOffset
            #expect(
                header.nextOffset > next, "\(context()): offset \(base) after \(next)")
            next = header.nextOffset
            guard let entry = batches[base] else {
                Issue.record("\(context()): offset \(base) was never appended")
                continue
            }
            #expect(entry.bytes == bytes, "\(context()): offset \(base) changed")
            found.insert(base)
        }
        for (base, entry) in batches where entry.nextOffset > start && base < durableEnd {
            #expect(found.contains(base), "\(context()): acknowledged offset \(base) is gone")
        }
        // What did not survive may be replaced; what did was shown now.
        batches = batches.filter { found.contains($0.key) }
        durableEnd = max(durableEnd, log.durableEnd)
        startOffset = start
        startMax = max(startMax, start)
    }
}
