internal import VarvePlatform

/// Who may do what to which things from where, or may not: Kafka's ACL binding. A value.
/// Source: KIP-11, KIP-290 (patterns).
struct AccessRule: Hashable, Sendable {
    /// How a rule's name is meant; the numbers are the wire's (`PatternType`).
    enum Form: Int8, CaseIterable, Sendable {
        /// The very name, or `*` for every name.
        case literal = 3
        /// Every name that begins with it.
        case prefixed = 4

        /// Kafka's name.
        var name: String { self == .literal ? "LITERAL" : "PREFIXED" }
    }

    /// The numbers are the wire's (`AclPermissionType`).
    enum Permission: Int8, CaseIterable, Sendable {
        /// Goes before any rule that allows.
        case deny = 2
        case allow = 3

        /// Kafka's name.
        var name: String { self == .deny ? "DENY" : "ALLOW" }
    }

    /// The things that it is about.
    struct Pattern: Hashable, Sendable {
        var type: ResourceType
        var name: String
        var form: Form
    }

    /// Any resource name, and any host.
    static let wildcard = "*"
    /// Anybody.
    static let anybody = "User:*"
    /// The longest names and principals, in bytes (I8). Topics have at most 249, and what
    /// certificates are called is no longer in practice.
    static let nameBytesMax = 1024
    /// The longest host: a numeric address has at most 45 bytes.
    static let hostBytesMax = 255

    var pattern: Pattern
    /// `User:` and a name, or `User:*`.
    var principal: String
    /// A numeric address, or `*`.
    var host: String
    var operation: AccessOperation
    var permission: Permission

    /// What is wrong with it; nil when it can be kept.
    var problem: String? {
        if pattern.name.isEmpty { return "the resource's name is empty" }
        if pattern.name.utf8.count > Self.nameBytesMax {
            return "the resource's name has more than \(Self.nameBytesMax) bytes"
        }
        if pattern.type == .cluster && pattern.name != AccessResource.cluster.name {
            return "the only CLUSTER is \(AccessResource.cluster.name)"
        }
        guard let colon = principal.utf8.firstIndex(of: UInt8(ascii: ":")),
            colon != principal.startIndex
        else { return "the principal \"\(principal)\" is not of the form User:NAME" }
        if principal.utf8.count > Self.nameBytesMax {
            return "the principal has more than \(Self.nameBytesMax) bytes"
        }
        if host.isEmpty { return "the host is empty; * is any" }
        if host.utf8.count > Self.hostBytesMax {
            return "the host has more than \(Self.hostBytesMax) bytes"
        }
        return nil
    }
}

extension AccessRule: CustomStringConvertible {
    /// For the log.
    var description: String {
        "\(principal) \(permission.name) \(operation.name) \(pattern.type.name):\(pattern.name) "
            + "\(pattern.form.name) from \(host)"
    }
}

extension AccessRule {
    /// As the rules' file has it, in Kafka's words:
    ///
    ///     {"resourceType": "TOPIC", "name": "logs", "patternType": "LITERAL",
    ///      "principal": "User:CN=alice", "host": "*", "operation": "READ", "permission": "ALLOW"}
    var json: JSON {
        .object([
            ("resourceType", .string(pattern.type.name)), ("name", .string(pattern.name)),
            ("patternType", .string(pattern.form.name)), ("principal", .string(principal)),
            ("host", .string(host)), ("operation", .string(operation.name)),
            ("permission", .string(permission.name)),
        ])
    }

    /// Nil where `json` is no rule that this version knows all of.
    init?(_ json: JSON) {
        guard let type = json["resourceType"]?.string.flatMap(ResourceType.init(name:)),
            let name = json["name"]?.string,
            let form = Form.allCases.first(where: { $0.name == json["patternType"]?.string }),
            let principal = json["principal"]?.string, let host = json["host"]?.string,
            let operation = json["operation"]?.string.flatMap(AccessOperation.init(name:)),
            let permission = Permission.allCases.first(where: {
                $0.name == json["permission"]?.string
            })
        else { return nil }
        self.init(
            pattern: Pattern(type: type, name: name, form: form), principal: principal,
            host: host, operation: operation, permission: permission)
        if problem != nil { return nil }
    }
}
