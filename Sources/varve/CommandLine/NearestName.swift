internal import VarveDelivery

/// Says what somebody probably meant by a name that does not exist.
enum NearestName {
    /// ` (did you mean --topic?)`, or nothing when no name is near.
    static func hint(_ name: String, in names: some Sequence<String>) -> String {
        Spelling.nearest(to: name, among: Array(names)).map { " (did you mean \($0)?)" } ?? ""
    }
}
