/// The decisions of recovery, as a table.
///
/// | what a scan finds | below the durable mark | at or above it |
/// |---|---|---|
/// | valid batches to the end | keep | keep, then sync before serving |
/// | an invalid range, then valid batches | corruption: set the range aside, keep what follows | a torn write: the same |
/// | an invalid range to the end | corruption: set it aside | torn tail: set it aside |
///
/// A hole with valid batches behind it is a legal state after a power cut: 64 synced blocks good,
/// 32 zero, 32 good were measured on ext4. So no valid batch is ever cut off (I5).
enum RecoveryTable {
    enum Found {
        case validToEnd
        case invalidThenValid
        case invalidToEnd
    }

    enum Place {
        case belowMark
        case atOrAboveMark
    }

    enum Decision: Equatable {
        case keep
        /// Set the range aside and close the gap it leaves in the file.
        case closeGap(Damage.Kind)
        /// Set the range aside and cut the file in front of it.
        case truncate(Damage.Kind)
    }

    static func decide(_ found: Found, _ place: Place) -> Decision {
        switch (found, place) {
        case (.validToEnd, .belowMark): .keep
        case (.validToEnd, .atOrAboveMark): .keep
        case (.invalidThenValid, .belowMark): .closeGap(.corruption)
        case (.invalidThenValid, .atOrAboveMark): .closeGap(.tornWrite)
        case (.invalidToEnd, .belowMark): .truncate(.corruption)
        case (.invalidToEnd, .atOrAboveMark): .truncate(.tornTail)
        }
    }
}
