/// How far the scrubber is, and what it found.
package struct ScrubStatus: Equatable, Sendable {
    /// Wall clock, ms since 1970, of the begin of the pass under way; nil between two passes.
    package var passBegan: Int64?
    /// Of the end of the last whole pass, over restarts too; nil when there was none.
    package var lastPassEnd: Int64?
    /// Bytes of segments read by the pass under way, or by the last one.
    package var bytes: Int64 = 0
    /// Damages found by it.
    package var damages = 0

    package init() {}
}
