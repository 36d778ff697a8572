internal import VarvePlatform

/// The `clean-stop` file of a data directory: it is there from the end of a clean stop to the next
/// start, and says that no process was in the directory in between.
///
/// A partition's clean mark alone cannot say that: an append behind it whose size was lost with the
/// power leaves mark and file agreeing (see `LastBlock`). Only a help: without it a start clears
/// the last block of every partition.
enum CleanStop {
    static let fileName = "clean-stop"

    /// Leaves the file; durable on return. REQUIRES: the partitions' marks are durable.
    static func leave(in directory: String, _ disk: any Disk) throws(SystemError) {
        try disk.replace(
            directory + "/" + fileName, with: "every partition was closed\n",
            inDirectory: directory)
    }

    /// Takes the file away, and says whether it was there. It may come back until the directory
    /// is synced: nothing may be written before that.
    static func take(from directory: String, _ disk: any Disk) throws(SystemError) -> Bool {
        let path = directory + "/" + fileName
        guard try disk.entry(path) != nil else { return false }
        try disk.remove(path)
        return true
    }
}
