/// What a start needs to know of clients' names and rights, checked.
struct AccessPlan: Sendable {
    /// Nil where nobody's rights are looked at.
    let authorizer: AuthorizerSettings?
    let principalMapping: PrincipalMapping
}

/// Who has rights beyond what the access rules say.
struct AuthorizerSettings: Equatable, Sendable {
    /// Principals with their type.
    var superUsers: Set<String> = []
    /// Whether anybody may do anything to what no rule is about.
    var allowsUnruled = false
}

extension BrokerSettings {
    private static let authorizerName = "authorizer.class.name"
    private static let superUsersName = "super.users"
    /// Kafka's authorizers, which keep rules as this broker does; the second is ZooKeeper's.
    private static let authorizers = [
        "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "kafka.security.authorizer.AclAuthorizer",
    ]

    static let accessDefinitions: [SettingDefinition] = [
        .init(
            authorizerName, .string, "",
            "Access rules (ACLs) are in force where this is \(authorizers[0]), or the older "
                + "\(authorizers[1]). Empty: everybody may do everything."),
        .init(
            "allow.everyone.if.no.acl.found", .boolean, "false",
            "Whether everybody may do everything to what no access rule is about."),
        .init(
            superUsersName, .string, "",
            "Who may do everything whatever the rules say, separated by semicolons, as in "
                + "User:CN=admin,O=example;User:ANONYMOUS."),
    ]

    /// - Throws: `.badSetting`.
    func access() throws(BrokerError) -> AccessPlan {
        AccessPlan(authorizer: try authorizer(), principalMapping: try principalMapping())
    }

    private func authorizer() throws(BrokerError) -> AuthorizerSettings? {
        let superUsers = try superUsers()
        let name = value(of: Self.authorizerName)
        if name.isEmpty { return nil }
        guard Self.authorizers.contains(name) else {
            throw .badSetting(
                name: Self.authorizerName,
                reason: "there is no authorizer \(name) here; there is \(Self.authorizers[0])")
        }
        return AuthorizerSettings(
            superUsers: superUsers, allowsUnruled: boolean("allow.everyone.if.no.acl.found"))
    }

    private func superUsers() throws(BrokerError) -> Set<String> {
        var found: Set<String> = []
        for part in value(of: Self.superUsersName).split(separator: ";") {
            var principal = part.drop { $0 == " " }
            while principal.last == " " { principal.removeLast() }
            if principal.isEmpty { continue }
            guard principal.hasPrefix(Principal.prefix), principal != Principal.prefix else {
                throw .badSetting(
                    name: Self.superUsersName,
                    reason: "\"\(principal)\" is not of the form User:NAME; principals are "
                        + "separated by semicolons")
            }
            found.insert(String(principal))
        }
        return found
    }
}
