internal import FoundationEssentials

/// What is wrong with a configuration file, and where in it.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The way to the key, as `workers[0].sink.url`; empty for the file as a whole.
    package let path: String
    /// What is wrong with it, for a person to read.
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    package init(at path: [any CodingKey], _ problem: String) {
        self.init(path: Self.text(path), problem: problem)
    }

    /// The same, out of any error that decoding a configuration throws.
    package init(_ error: any Error) {
        switch error {
        case let error as ConfigurationError: self = error
        case DecodingError.keyNotFound(let key, let context):
            self.init(at: context.codingPath + [key], "missing")
        case DecodingError.typeMismatch(let type, let context):
            self.init(at: context.codingPath, "expected \(Self.name(type))")
        case DecodingError.valueNotFound(let type, let context):
            self.init(at: context.codingPath, "expected \(Self.name(type)), found null")
        case DecodingError.dataCorrupted(let context):
            let cause = context.underlyingError as? CocoaError
            let detail = cause?.userInfo["NSDebugDescription"] as? String
            self.init(at: context.codingPath, detail ?? context.debugDescription)
        default: self.init(path: "", problem: "\(error)")
        }
    }

    package var description: String { path.isEmpty ? problem : "\(path): \(problem)" }

    private static func text(_ path: [any CodingKey]) -> String {
        var result = ""
        for key in path {
            if let index = key.intValue {
                result += "[\(index)]"
            } else {
                result += (result.isEmpty ? "" : ".") + key.stringValue
            }
        }
        return result
    }

    private static func name(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any FixedWidthInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [any Decodable].Type: "a list"
        default: "\(type)".hasPrefix("Array") ? "a list" : "an object"
        }
    }
}

/// A key of whatever name stands in the file.
package struct AnyKey: CodingKey, Sendable {
    package let stringValue: String
    package let intValue: Int?
    package init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }
    package init(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}

extension CodingUserInfoKey {
    /// The directory that relative paths in a configuration count from: the file's own.
    package static let configurationDirectory = CodingUserInfoKey(
        rawValue: "configurationDirectory")!
}

extension Decoder {
    /// `path` as the configuration means it; as it is where the decoder knows no directory.
    package func resolved(_ path: String) -> String {
        guard let directory = userInfo[.configurationDirectory] as? String else { return path }
        let base = URL(fileURLWithPath: directory, isDirectory: true)
        return URL(fileURLWithPath: path, relativeTo: base).standardizedFileURL.path
    }

    /// The keyed container, after every key in it was found among `Key`'s cases.
    /// - Throws: `ConfigurationError` that names the first unknown key and the nearest known one.
    package func strictContainer<Key: CodingKey & CaseIterable>(
        keyedBy type: Key.Type
    ) throws -> KeyedDecodingContainer<Key> {
        let known = Key.allCases.map(\.stringValue)
        let found = try container(keyedBy: AnyKey.self).allKeys
        for key in found.sorted(by: { $0.stringValue < $1.stringValue })
        where !known.contains(key.stringValue) {
            var problem = "unknown key"
            if let near = Spelling.nearest(to: key.stringValue, among: known) {
                problem += "; did you mean \(near)?"
            }
            throw ConfigurationError(at: codingPath + [key], problem)
        }
        return try container(keyedBy: type)
    }
}

extension KeyedDecodingContainer {
    /// A whole number within `range`, or `standard` where the key is absent.
    package func number(
        _ key: Key, default standard: Int, in range: ClosedRange<Int>
    ) throws -> Int {
        guard let value = try decodeIfPresent(Int.self, forKey: key) else { return standard }
        guard range.contains(value) else {
            throw ConfigurationError(
                at: codingPath + [key],
                "\(value) is outside \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    package func text(_ key: Key, default standard: String) throws -> String {
        try decodeIfPresent(String.self, forKey: key) ?? standard
    }

    package func flag(_ key: Key, default standard: Bool) throws -> Bool {
        try decodeIfPresent(Bool.self, forKey: key) ?? standard
    }

    /// The error that says `problem` about `key`.
    package func failure(_ key: Key, _ problem: String) -> ConfigurationError {
        ConfigurationError(at: codingPath + [key], problem)
    }
}

/// Finds the word somebody meant.
package enum Spelling {
    /// The word of `known` within two edits of `word` (a third of its length at most); nil when
    /// none is that near.
    package static func nearest(to word: String, among known: [String]) -> String? {
        let distanceMax = max(1, min(2, word.count / 3))
        let ranked = known.map { ($0, distance(word.lowercased(), $0.lowercased())) }
        guard let best = ranked.min(by: { ($0.1, $0.0) < ($1.1, $1.0) }) else { return nil }
        return best.1 <= distanceMax ? best.0 : nil
    }

    /// Insertions, deletions, replacements and swaps of two neighbours, the commonest slip of all
    /// (the optimal string alignment distance).
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left)
        let right = Array(right)
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var cost = min(
                    last[j] + (left[i] == right[j] ? 0 : 1), row[j] + 1, last[j + 1] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, beforeLast[j - 1] + 1)
                }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[right.count]
    }
}
