internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// DescribeClientQuotas (48): the quotas of the entities that match. Source: KIP-546.
enum DescribeClientQuotasHandler: RequestHandler {
    typealias Request = DescribeClientQuotasRequest

    private enum Match {
        static let exactly: Int8 = 0
        static let standard: Int8 = 1
        static let anyNamed: Int8 = 2
    }

    static func handle(
        _ request: DescribeClientQuotasRequest, context: RequestContext
    ) -> Reply<DescribeClientQuotasResponse> {
        var response = DescribeClientQuotasResponse()
        if let error = context.refusal(.describeConfigs, .cluster) {
            response.errorCode = error
            return .now(response)
        }
        if let problem = problem(with: request) {
            response.errorCode = .invalidRequest
            response.errorMessage = problem
            return .now(response)
        }
        response.entries = context.broker.quotas.table.sorted
            .filter { matches($0.entity, request) }
            .map { entity, quotas in
                .init {
                    $0.entity = entity.components.map { type, name in
                        .init {
                            $0.entityType = type
                            $0.entityName = name.text
                        }
                    }
                    $0.values = quotas.map { kind, value in
                        .init {
                            $0.key = kind.rawValue
                            $0.value = value
                        }
                    }
                }
            }
        return .now(response)
    }

    private static func problem(with request: DescribeClientQuotasRequest) -> String? {
        var types: Set<String> = []
        for component in request.components {
            guard types.insert(component.entityType).inserted else {
                return "entity type \(component.entityType) stands in the request twice"
            }
            // No address has a quota, but tools ask for them beside the others.
            if component.entityType != QuotaEntity.addressType,
                let problem = AlterClientQuotasHandler.problem(withType: component.entityType)
            {
                return problem
            }
            switch component.matchType {
            case Match.exactly where component.match == nil: return "no name to match"
            case Match.exactly, Match.standard, Match.anyNamed: break
            default: return "unknown match type \(component.matchType)"
            }
        }
        if types.contains(QuotaEntity.addressType) && types.count > 1 {
            return "an address cannot be matched together with a user or a client id"
        }
        return nil
    }

    private static func matches(
        _ entity: QuotaEntity, _ request: DescribeClientQuotasRequest
    ) -> Bool {
        if request.strict && entity.components.count != request.components.count { return false }
        return request.components.allSatisfy { component in
            let name: QuotaEntity.Name? =
                switch component.entityType {
                case QuotaEntity.userType: entity.user
                case QuotaEntity.clientIDType: entity.clientID
                default: nil
                }
            switch (component.matchType, name) {
            case (_, nil): return false
            case (Match.exactly, .named(let text)): return text == component.match
            case (Match.standard, .standard): return true
            // Kafka's "specified" takes the default along: it is a name that was given.
            case (Match.anyNamed, _): return true
            default: return false
            }
        }
    }
}

/// AlterClientQuotas (49): sets and removes quotas, entity by entity; durable before the answer.
/// Source: KIP-546.
enum AlterClientQuotasHandler: RequestHandler {
    typealias Request = AlterClientQuotasRequest

    static func handle(
        _ request: AlterClientQuotasRequest, context: RequestContext
    ) -> Reply<AlterClientQuotasResponse> {
        let refusal = context.refusal(.alterConfigs, .cluster)
        let slot = context.slot(AlterClientQuotasRequest.self)
        context.broker.admin.run {
            slot.complete(alter(request, refusal, broker: context.broker))
        }
        return .later
    }

    private struct Refusal: Error {
        var code = ErrorCode.invalidRequest
        let text: String
    }

    private static func alter(
        _ request: AlterClientQuotasRequest, _ refusal: ErrorCode?, broker: BrokerState
    ) -> AlterClientQuotasResponse {
        var response = AlterClientQuotasResponse()
        var seen: Set<QuotaEntity> = []
        for entry in request.entries {
            var outcome = AlterClientQuotasResponse.Entry()
            outcome.entity = entry.entity.map { part in
                .init {
                    $0.entityType = part.entityType
                    $0.entityName = part.entityName
                }
            }
            do throws(Refusal) {
                if let refusal {
                    throw Refusal(
                        code: refusal, text: "the access rules do not let this client do it")
                }
                let entity = try entity(entry.entity)
                guard seen.insert(entity).inserted else {
                    throw Refusal(text: "the entity stands in the request twice")
                }
                let table = try changed(broker.quotas.table, entity, by: entry.ops)
                if !request.validateOnly { try keep(table, entity, broker: broker) }
            } catch {
                outcome.errorCode = error.code
                outcome.errorMessage = error.text
            }
            response.entries.append(outcome)
        }
        return response
    }

    private static func keep(
        _ table: QuotaTable, _ entity: QuotaEntity, broker: BrokerState
    ) throws(Refusal) {
        do throws(LogError) {
            try broker.quotas.replace(with: table)
        } catch {
            throw Refusal(code: ErrorCode(error), text: "\(error)")
        }
        let name = entity.components.map { "\($0.type) \($0.name.text ?? "<default>")" }
        broker.logger.info("altered client quotas", ["entity": name.joined(separator: ", ")])
    }

    private static func entity(
        _ parts: [AlterClientQuotasRequest.Entity]
    ) throws(Refusal) -> QuotaEntity {
        var entity = QuotaEntity()
        guard !parts.isEmpty else { throw Refusal(text: "the entity has no parts") }
        for part in parts {
            if let problem = problem(withType: part.entityType) { throw Refusal(text: problem) }
            let bytes = part.entityName?.utf8.count ?? 1
            guard (1...QuotaTable.nameBytesMax).contains(bytes) else {
                throw Refusal(text: "a name of \(bytes) bytes")
            }
            let name = part.entityName.map(QuotaEntity.Name.named) ?? .standard
            let place =
                part.entityType == QuotaEntity.userType
                ? \QuotaEntity.user : \QuotaEntity.clientID
            guard entity[keyPath: place] == nil else {
                throw Refusal(text: "entity type \(part.entityType) stands in the entity twice")
            }
            entity[keyPath: place] = name
        }
        return entity
    }

    private static func changed(
        _ table: QuotaTable, _ entity: QuotaEntity, by changes: [AlterClientQuotasRequest.Operation]
    ) throws(Refusal) -> QuotaTable {
        var table = table
        for change in changes {
            guard let kind = QuotaKind(rawValue: change.key) else {
                let known = QuotaKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw Refusal(text: "there is no quota \(change.key) here; there are \(known)")
            }
            if !change.remove, let problem = kind.problem(with: change.value) {
                throw Refusal(text: "\(change.key) \(problem)")
            }
            table.set(kind, of: entity, to: change.remove ? nil : change.value)
        }
        guard table.quotas.count <= QuotaTable.entitiesMax else {
            throw Refusal(
                code: .policyViolation,
                text: "more than \(QuotaTable.entitiesMax) entities with quotas")
        }
        return table
    }

    /// What is wrong with an entity type; nil when quotas can be for it.
    static func problem(withType type: String) -> String? {
        if [QuotaEntity.userType, QuotaEntity.clientIDType].contains(type) { return nil }
        if type == QuotaEntity.addressType { return "quotas by ip address are not served" }
        return "unknown entity type \(type)"
    }
}
