/// Which access rules are meant; what is nil is any. Source: `AclBindingFilter`,
/// `ResourcePatternFilter`.
struct AccessRuleFilter: Sendable {
    /// How the filter's name is meant; the numbers are the wire's (`PatternType`).
    enum Form: Int8, Sendable {
        /// The rule's own name, of either form.
        case any = 1
        /// A thing's name: rules that are about it, by their name, prefix or `*`.
        case match = 2
        /// The name of a literal rule.
        case literal = 3
        /// The name of a rule for a prefix.
        case prefixed = 4
    }

    var type: ResourceType?
    var name: String?
    var form = Form.any
    var principal: String?
    var host: String?
    var operation: AccessOperation?
    var permission: AccessRule.Permission?

    func matches(_ rule: AccessRule) -> Bool {
        (type == nil || type == rule.pattern.type) && matches(rule.pattern)
            && (principal == nil || principal == rule.principal)
            && (host == nil || host == rule.host)
            && (operation == nil || operation == rule.operation)
            && (permission == nil || permission == rule.permission)
    }

    private func matches(_ pattern: AccessRule.Pattern) -> Bool {
        switch (form, pattern.form) {
        case (.literal, .prefixed), (.prefixed, .literal): return false
        default: break
        }
        guard let name else { return true }
        guard form == .match else { return name == pattern.name }
        switch pattern.form {
        case .literal: return name == pattern.name || pattern.name == AccessRule.wildcard
        case .prefixed: return name.utf8.starts(with: pattern.name.utf8)
        }
    }
}
