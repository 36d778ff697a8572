internal import VarvePlatform

extension DiskFile {
    /// What a killed process left in the cache becomes durable; what a failed write-back left there
    /// goes, and false comes back: what was read before may not be on the disk.
    ///
    /// The failure of the first sync is perhaps one that an earlier process did not live to hear
    /// of: the kernel keeps that for who opens the file next. This is no sync tried twice (I6):
    /// nothing was acknowledged on its strength, and whatever the second one makes durable is read
    /// before it is believed. A disk that is still sick fails it too.
    @discardableResult
    func settle() throws(SystemError) -> Bool {
        do throws(SystemError) {
            try syncData()
            return true
        } catch {
            try dropCache()
            try syncData()
            try dropCache()
            return false
        }
    }
}
