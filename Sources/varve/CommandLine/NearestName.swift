/// Finds what somebody probably meant by a name that does not exist.
package enum NearestName {
    /// The one of `names` that takes the fewest edits to reach from `name`, when those are few
    /// enough to be a slip: at most a third of the longer one's length, and at least one letter
    /// stays. The first of several equals. Nil when nothing is near.
    package static func find(_ name: String, in names: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased())
        var best: (name: String, distance: Int)?
        for candidate in names {
            let letters = Array(candidate.lowercased())
            let limit = max(1, max(wanted.count, letters.count) / 3)
            // What one has typed so far of a long name counts as near too.
            let isPrefix = wanted.count >= 3 && letters.starts(with: wanted)
            let distance = isPrefix ? 1 : editDistance(wanted, letters)
            guard distance <= limit, distance < max(wanted.count, letters.count) else { continue }
            if best == nil || distance < best!.distance { best = (candidate, distance) }
        }
        return best?.name
    }

    /// ` (did you mean --topic?)`, or nothing.
    package static func hint(_ name: String, in names: some Sequence<String>) -> String {
        find(name, in: names).map { " (did you mean \($0)?)" } ?? ""
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one into the other
    /// (the optimal string alignment distance).
    static func editDistance(_ left: [Character], _ right: [Character]) -> Int {
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in 1...left.count {
            var row = [i] + Array(repeating: 0, count: right.count)
            for j in 1...right.count {
                let replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                row[j] = min(last[j] + 1, row[j - 1] + 1, replaced)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
