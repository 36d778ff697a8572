internal import FoundationEssentials
internal import VarvePlatform

/// A password or token, written into the configuration or named there: `env:NAME` takes it from
/// the environment, `file:/path` from a file's first line. Never shown in log lines.
package struct Secret: Decodable, Sendable, CustomStringConvertible {
    package let value: String

    package init(_ value: String) { self.value = value }

    package init(from decoder: any Decoder) throws {
        try self.init(
            named: try decoder.singleValueContainer().decode(String.self), at: decoder.codingPath)
    }

    /// The secret that `text` is or names; `path` is for the error's text.
    package init(named text: String, at path: [any CodingKey] = []) throws(ConfigurationError) {
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst(4))
            guard let found = ProcessInfo.processInfo.environment[name] else {
                throw ConfigurationError(at: path, "the environment has no variable \(name)")
            }
            value = found
        } else if text.hasPrefix("file:") {
            let file = String(text.dropFirst(5))
            do throws(SystemError) {
                value = String(try StandardStreams.readAll(file).string.prefix { !$0.isNewline })
            } catch {
                throw ConfigurationError(at: path, "cannot read \(file): \(error.reason)")
            }
        } else {
            value = text
        }
        // It would end the header line, or the line of a configuration, that it stands in.
        guard !value.utf8.contains(where: { $0 < 0x20 }) else {
            throw ConfigurationError(at: path, "the secret has a line end or control character")
        }
    }

    package var description: String { "***" }
}

/// How requests to an HTTP sink say who they are.
package enum HTTPCredentials: Sendable {
    case none
    case basic(username: String, password: Secret)
    /// Elasticsearch's API key: `id:key`, or the two already in base64.
    case apiKey(Secret)
    case bearer(Secret)

    /// The value of the Authorization header; nil for none.
    package var header: String? {
        switch self {
        case .none: nil
        case .basic(let username, let password):
            "Basic " + Data("\(username):\(password.value)".utf8).base64EncodedString()
        case .apiKey(let key):
            "ApiKey "
                + (key.value.contains(":")
                    ? Data(key.value.utf8).base64EncodedString() : key.value)
        case .bearer(let token): "Bearer " + token.value
        }
    }
}

extension KeyedDecodingContainer {
    /// The servers under `one` (a string) or `many` (a list), each an http or https URL.
    func urls(_ one: Key, _ many: Key) throws -> [String] {
        let single = try decodeIfPresent(String.self, forKey: one)
        let list = try decodeIfPresent([String].self, forKey: many)
        if single != nil && list != nil {
            throw failure(many, "only one of \(one.stringValue) and \(many.stringValue) may stand")
        }
        guard let urls = list ?? single.map({ [$0] }), !urls.isEmpty else {
            throw failure(one, "missing")
        }
        return try urls.map { text in
            guard let url = URL(string: text), let scheme = url.scheme, url.host != nil,
                ["http", "https"].contains(scheme), url.query == nil
            else { throw failure(list == nil ? one : many, "'\(text)' is no http or https URL") }
            guard scheme == "http" || TLSContext.isBuiltIn else {
                throw failure(
                    list == nil ? one : many,
                    "this build has no TLS for '\(text)'; build it with the trait TLS")
            }
            // It would stand in log lines and dead letters with the URL.
            guard url.user == nil else {
                throw failure(
                    list == nil ? one : many,
                    "a password has no place in a URL; there are keys for it")
            }
            return text.hasSuffix("/") ? String(text.dropLast()) : text
        }
    }

    /// The one kind of credentials that is given.
    func credentials(
        username: Key, password: Key, apiKey: Key, bearerToken: Key
    ) throws -> HTTPCredentials {
        var found: [HTTPCredentials] = []
        if let name = try decodeIfPresent(String.self, forKey: username) {
            found.append(
                .basic(username: name, password: try decode(Secret.self, forKey: password)))
        } else if contains(password) {
            throw failure(username, "missing beside \(password.stringValue)")
        }
        if let key = try decodeIfPresent(Secret.self, forKey: apiKey) { found.append(.apiKey(key)) }
        if let token = try decodeIfPresent(Secret.self, forKey: bearerToken) {
            found.append(.bearer(token))
        }
        guard found.count <= 1 else {
            throw failure(apiKey, "only one of username, apiKey and bearerToken may stand")
        }
        return found.first ?? .none
    }

    /// Whether to compress; asking for it in a build without it is refused.
    func gzip(_ key: Key) throws -> Bool {
        guard let wanted = try decodeIfPresent(Bool.self, forKey: key) else {
            return GzipBody.isBuiltIn
        }
        guard !wanted || GzipBody.isBuiltIn else {
            throw failure(key, "this build has no gzip; build it with the trait Gzip")
        }
        return wanted
    }
}
