internal import VarveLog
internal import VarveWire

/// What is left to do once a group's lock is free.
struct GroupOutbox {
    struct Stored {
        let appended: AppendedBatch
        let purpose: GroupStorePurpose
    }

    var answers: [() -> Void] = []
    var stores: [Stored] = []

    /// Answers everybody, and calls `stored` for each record when it is durable or lost.
    func send(_ stored: @escaping @Sendable (Stored, ErrorCode?) -> Void) {
        for answer in answers { answer() }
        for store in stores {
            store.appended.whenDurable { error in
                stored(store, error.map(OffsetStore.errorCode))
            }
        }
    }
}
