internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// What the three requests about access rules share.
private enum AccessRules {
    struct Refusal: Error {
        var code = ErrorCode.invalidRequest
        let text: String
    }

    static let disabled = Refusal(
        code: .securityDisabled,
        text: "no authorizer is configured: this broker lets everybody do everything")

    /// The rules' keeper, if the client may do `operation` to them.
    static func keeper(
        _ operation: AccessOperation, _ context: RequestContext
    ) throws(Refusal) -> Authorizer {
        guard let authorizer = context.broker.authorizer else { throw disabled }
        if let error = context.refusal(operation, .cluster) {
            throw Refusal(
                code: error, text: "it takes the right to \(operation.name) the CLUSTER")
        }
        return authorizer
    }

    /// The value with this number; nil for the one that stands for any.
    static func value<Value: RawRepresentable<Int8>>(
        _ number: Int8, _ name: String, of type: Value.Type
    ) throws(Refusal) -> Value? {
        if number == any { return nil }
        guard let value = Value(rawValue: number) else {
            throw Refusal(text: "there is no \(name) \(number)")
        }
        return value
    }

    private static let any: Int8 = 1

    static func filter(_ filter: some RuleFilterMessage) throws(Refusal) -> AccessRuleFilter {
        guard let form = AccessRuleFilter.Form(rawValue: filter.patternTypeFilter) else {
            throw Refusal(text: "there is no pattern type \(filter.patternTypeFilter)")
        }
        return AccessRuleFilter(
            type: try value(filter.resourceTypeFilter, "resource type", of: ResourceType.self),
            name: filter.resourceNameFilter, form: form, principal: filter.principalFilter,
            host: filter.hostFilter,
            operation: try value(filter.operation, "operation", of: AccessOperation.self),
            permission: try value(
                filter.permissionType, "permission type", of: AccessRule.Permission.self))
    }

    /// Keeps `rules` instead of those in force.
    static func keep(_ rules: Set<AccessRule>, _ authorizer: Authorizer) throws(Refusal) {
        let table = AccessRuleTable(rules)
        guard !Authorizer.isTooLarge(table) else {
            throw Refusal(
                code: .policyViolation,
                text: "more than \(Authorizer.rulesMax) access rules, or "
                    + "\(Authorizer.textBytesMax) bytes of names in them")
        }
        do throws(LogError) {
            try authorizer.replace(with: table)
        } catch {
            throw Refusal(code: ErrorCode(error), text: "\(error)")
        }
    }
}

/// A filter as requests have it.
private protocol RuleFilterMessage {
    var resourceTypeFilter: Int8 { get }
    var resourceNameFilter: String? { get }
    var patternTypeFilter: Int8 { get }
    var principalFilter: String? { get }
    var hostFilter: String? { get }
    var operation: Int8 { get }
    var permissionType: Int8 { get }
}

extension DescribeAclsRequest: RuleFilterMessage {}
extension DeleteAclsRequest.Filter: RuleFilterMessage {}

/// DescribeAcls (29): the access rules that match a filter. Source: KIP-133, KIP-290.
enum DescribeAclsHandler: RequestHandler {
    typealias Request = DescribeAclsRequest

    static func handle(
        _ request: DescribeAclsRequest, context: RequestContext
    ) -> Reply<DescribeAclsResponse> {
        var response = DescribeAclsResponse()
        do throws(AccessRules.Refusal) {
            let rules = try AccessRules.keeper(.describe, context).rules
            let filter = try AccessRules.filter(request)
            for rule in rules.sorted where filter.matches(rule) {
                // Rules of one pattern stand together.
                if response.resources.last.map({ !$0.isOf(rule.pattern) }) ?? true {
                    response.resources.append(.init(rule.pattern))
                }
                response.resources[response.resources.count - 1].acls.append(
                    .init {
                        $0.principal = rule.principal
                        $0.host = rule.host
                        $0.operation = rule.operation.rawValue
                        $0.permissionType = rule.permission.rawValue
                    })
            }
        } catch {
            response.errorCode = error.code
            response.errorMessage = error.text
        }
        return .now(response)
    }
}

extension DescribeAclsResponse.Resource {
    fileprivate init(_ pattern: AccessRule.Pattern) {
        self.init()
        resourceType = pattern.type.rawValue
        resourceName = pattern.name
        patternType = pattern.form.rawValue
    }

    fileprivate func isOf(_ pattern: AccessRule.Pattern) -> Bool {
        resourceType == pattern.type.rawValue && resourceName == pattern.name
            && patternType == pattern.form.rawValue
    }
}

/// CreateAcls (30): makes access rules, durable before the answer; one that is there already is
/// made again. Source: KIP-133, KIP-290.
enum CreateAclsHandler: RequestHandler {
    typealias Request = CreateAclsRequest

    static func handle(
        _ request: CreateAclsRequest, context: RequestContext
    ) -> Reply<CreateAclsResponse> {
        do throws(AccessRules.Refusal) {
            let authorizer = try AccessRules.keeper(.alter, context)
            let slot = context.slot(CreateAclsRequest.self)
            context.broker.admin.run {
                slot.complete(create(request, authorizer, context))
            }
            return .later
        } catch {
            return .now(response(request.creations.map { _ in error }))
        }
    }

    private static func create(
        _ request: CreateAclsRequest, _ authorizer: Authorizer, _ context: RequestContext
    ) -> CreateAclsResponse {
        var rules = authorizer.rules.rules
        var made: [AccessRule] = []
        var outcomes = request.creations.map { creation -> AccessRules.Refusal? in
            do throws(AccessRules.Refusal) {
                let rule = try rule(creation)
                if rules.insert(rule).inserted { made.append(rule) }
                return nil
            } catch {
                return error
            }
        }
        guard !made.isEmpty else { return response(outcomes) }
        do throws(AccessRules.Refusal) {
            try AccessRules.keep(rules, authorizer)
            for rule in made {
                context.broker.logger.info(
                    "made access rule", ["rule": rule, "by": context.principal.text])
            }
        } catch {
            // All or none: what would have been made is refused.
            let failure = error
            outcomes = outcomes.map { $0 ?? failure }
        }
        return response(outcomes)
    }

    private static func rule(
        _ creation: CreateAclsRequest.Creation
    ) throws(AccessRules.Refusal) -> AccessRule {
        guard let form = AccessRule.Form(rawValue: creation.resourcePatternType) else {
            throw AccessRules.Refusal(
                text: "a rule's pattern type is LITERAL or PREFIXED, not "
                    + "\(creation.resourcePatternType)")
        }
        guard
            let type = try AccessRules.value(
                creation.resourceType, "resource type", of: ResourceType.self),
            let operation = try AccessRules.value(
                creation.operation, "operation", of: AccessOperation.self),
            let permission = try AccessRules.value(
                creation.permissionType, "permission type", of: AccessRule.Permission.self)
        else {
            throw AccessRules.Refusal(
                text: "a rule is about one resource type, one operation (or ALL) and one "
                    + "permission, not ANY")
        }
        let rule = AccessRule(
            pattern: .init(type: type, name: creation.resourceName, form: form),
            principal: creation.principal, host: creation.host, operation: operation,
            permission: permission)
        if let problem = rule.problem { throw AccessRules.Refusal(text: problem) }
        return rule
    }

    private static func response(_ outcomes: [AccessRules.Refusal?]) -> CreateAclsResponse {
        CreateAclsResponse {
            $0.results = outcomes.map { refusal in
                CreateAclsResponse.Result {
                    $0.errorCode = refusal?.code ?? .none
                    $0.errorMessage = refusal?.text
                }
            }
        }
    }
}

/// DeleteAcls (31): removes the access rules that match, durably before the answer.
/// Source: KIP-133, KIP-290.
enum DeleteAclsHandler: RequestHandler {
    typealias Request = DeleteAclsRequest
    private typealias Outcome = Result<[AccessRule], AccessRules.Refusal>

    static func handle(
        _ request: DeleteAclsRequest, context: RequestContext
    ) -> Reply<DeleteAclsResponse> {
        do throws(AccessRules.Refusal) {
            let authorizer = try AccessRules.keeper(.alter, context)
            let slot = context.slot(DeleteAclsRequest.self)
            context.broker.admin.run {
                slot.complete(delete(request, authorizer, context))
            }
            return .later
        } catch {
            return .now(response(request.filters.map { _ in .failure(error) }))
        }
    }

    private static func delete(
        _ request: DeleteAclsRequest, _ authorizer: Authorizer, _ context: RequestContext
    ) -> DeleteAclsResponse {
        let before = authorizer.rules
        let sorted = before.sorted
        var rules = before.rules
        var outcomes = request.filters.map { filter -> Outcome in
            do throws(AccessRules.Refusal) {
                let filter = try AccessRules.filter(filter)
                // As in Kafka, each filter is told all that it matches, another one's too.
                let found = sorted.filter(filter.matches)
                rules.subtract(found)
                return .success(found)
            } catch {
                return .failure(error)
            }
        }
        guard rules.count != before.rules.count else { return response(outcomes) }
        do throws(AccessRules.Refusal) {
            try AccessRules.keep(rules, authorizer)
            for rule in before.rules.subtracting(rules) {
                context.broker.logger.info(
                    "removed access rule", ["rule": rule, "by": context.principal.text])
            }
        } catch {
            outcomes = outcomes.map { _ in .failure(error) }
        }
        return response(outcomes)
    }

    private static func response(_ outcomes: [Outcome]) -> DeleteAclsResponse {
        DeleteAclsResponse {
            $0.filterResults = outcomes.map { outcome in
                DeleteAclsResponse.FilterResult {
                    switch outcome {
                    case .failure(let refusal):
                        $0.errorCode = refusal.code
                        $0.errorMessage = refusal.text
                    case .success(let rules):
                        $0.matchingAcls = rules.map(DeleteAclsResponse.MatchingRule.init)
                    }
                }
            }
        }
    }
}

extension DeleteAclsResponse.MatchingRule {
    fileprivate init(_ rule: AccessRule) {
        self.init()
        resourceType = rule.pattern.type.rawValue
        resourceName = rule.pattern.name
        patternType = rule.pattern.form.rawValue
        principal = rule.principal
        host = rule.host
        operation = rule.operation.rawValue
        permissionType = rule.permission.rawValue
    }
}
