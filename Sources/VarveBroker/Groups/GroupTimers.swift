/// When which group has something to do. A deadline may be earlier than the group's own, since
/// heartbeats move that all the time: looking too early is harmless.
struct GroupTimers {
    private var deadlines: [String: Int64] = [:]
    /// The earliest deadline there is.
    private(set) var earliest: Int64?

    mutating func schedule(_ id: String, at deadline: Int64) {
        if let known = deadlines[id], known <= deadline { return }
        deadlines[id] = deadline
        earliest = min(earliest ?? deadline, deadline)
    }

    /// Takes out the groups whose deadline has come.
    mutating func takeDue(_ now: Int64) -> [String] {
        guard let earliest, earliest <= now else { return [] }
        var due: [String] = []
        self.earliest = nil
        for (id, deadline) in deadlines {
            if deadline <= now {
                due.append(id)
            } else {
                self.earliest = min(self.earliest ?? deadline, deadline)
            }
        }
        for id in due { deadlines[id] = nil }
        return due
    }
}
