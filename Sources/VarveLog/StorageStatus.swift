/// How a data directory's space and open files stand, for `/metrics` and `status`.
package struct StorageStatus: Equatable, Sendable {
    /// Bytes of all segments, indexes not counted.
    package let bytes: Int64
    /// What they may be together; nil without limit.
    package let quotaBytes: Int64?
    /// How near that is, as of the last `tick`.
    package let quotaLevel: QuotaLevel
    /// Appends are refused, except to internal topics, until the reserve is whole again.
    package let isFull: Bool
    /// Bytes set aside for a full disk now, and how many there should be.
    package let reserveBytes: Int64
    package let reserveBytesMax: Int64
    /// Appends refused since the start: the disk was full, a quota was reached. (A topic's own
    /// go with it when it is deleted.)
    package let fullRefusals: Int
    package let quotaRefusals: Int
    /// Segment files open now, and how many are kept open at the most.
    package let openFiles: Int
    package let openFilesMax: Int
}
