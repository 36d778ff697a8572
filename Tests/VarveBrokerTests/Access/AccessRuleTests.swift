import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveBroker

/// What the rules say, against rules read one by one.
@Suite struct AccessRuleTests {
    private func rule(
        _ name: String, _ operation: AccessOperation = .read,
        _ permission: AccessRule.Permission = .allow, form: AccessRule.Form = .literal,
        type: ResourceType = .topic, of principal: String = "User:alice", host: String = "*"
    ) -> AccessRule {
        AccessRule(
            pattern: .init(type: type, name: name, form: form), principal: principal,
            host: host, operation: operation, permission: permission)
    }

    private func allows(
        _ rules: Set<AccessRule>, _ operation: AccessOperation, _ name: String,
        _ principal: String = "User:alice", from host: String = "10.0.0.1"
    ) -> Bool {
        AccessRuleTable(rules).verdict(principal, from: host, on: .topic(name))
            .allows(operation)
    }

    @Test func aRuleIsForItsNameItsPrincipalAndItsHost() {
        let rules: Set = [rule("logs", host: "10.0.0.1")]
        #expect(allows(rules, .read, "logs"))
        #expect(!allows(rules, .write, "logs"))
        #expect(!allows(rules, .read, "logs2"))
        #expect(!allows(rules, .read, "log"))
        #expect(!allows(rules, .read, "logs", "User:bob"))
        #expect(!allows(rules, .read, "logs", from: "10.0.0.2"))
        let group = AccessRuleTable(rules).verdict(
            "User:alice", from: "10.0.0.1", on: .group("logs"))
        #expect(group == AccessRuleTable.Verdict())
    }

    @Test func anAddressIsOneInEveryFormOfIt() {
        for host in ["0:0:0:0:0:0:0:1", "::1"] {
            #expect(allows([rule("t", host: host)], .read, "t", from: "::1"))
        }
        let mapped = rule("t", .read, .deny, host: "::ffff:10.0.0.1")
        #expect(!allows([rule("t"), mapped], .read, "t", from: "10.0.0.1"))
    }

    @Test func starsAndPrefixesAreForMany() {
        let rules: Set = [
            rule("*", .describe, of: "User:*"),
            rule("app-", .write, form: .prefixed, of: "User:*"),
            rule("*", .read, form: .prefixed, of: "User:bob"),
        ]
        #expect(allows(rules, .describe, "anything"))
        #expect(allows(rules, .write, "app-1") && allows(rules, .write, "app-"))
        #expect(!allows(rules, .write, "app") && !allows(rules, .write, "my-app-1"))
        // As a prefix the star is a letter like any other.
        #expect(!allows(rules, .read, "x", "User:bob") && allows(rules, .read, "*x", "User:bob"))
    }

    @Test func whatIsDeniedIsDeniedWhateverElseAllowsIt() {
        let rules: Set = [
            rule("*", .all), rule("secret-", .read, .deny, form: .prefixed),
            rule("payroll", .all, .deny, of: "User:*"),
        ]
        #expect(allows(rules, .read, "logs"))
        #expect(!allows(rules, .read, "secret-1") && allows(rules, .write, "secret-1"))
        // A denied READ denies no DESCRIBE.
        #expect(allows(rules, .describe, "secret-1"))
        #expect(!allows(rules, .describe, "payroll") && !allows(rules, .alterConfigs, "payroll"))
    }

    @Test func someOperationsImplyOthers() {
        for operation in AccessOperation.allCases where operation != .all {
            let rules: Set = [rule("t", operation)]
            let describes = [AccessOperation.read, .write, .delete, .alter, .describe]
            #expect(allows(rules, .describe, "t") == describes.contains(operation))
            #expect(
                allows(rules, .describeConfigs, "t")
                    == [.describeConfigs, .alterConfigs].contains(operation))
            #expect(allows(rules, operation, "t"))
        }
    }

    /// Names, principals and hosts of few letters, so that rules meet.
    private struct Dice {
        var random: Generator

        mutating func one<Element>(_ choices: [Element]) -> Element {
            choices[random.below(choices.count)]
        }

        mutating func name() -> String {
            if random.chance(1, in: 8) { return "*" }
            return (0...random.below(4)).map { _ in one(["a", "b", "é", "*"]) }.joined()
        }

        mutating func rule() -> AccessRule {
            AccessRule(
                pattern: .init(
                    type: one([.topic, .topic, .group]), name: name(),
                    form: one(AccessRule.Form.allCases)),
                principal: one(["User:a", "User:b", "User:*"]), host: one(["*", "h", "i"]),
                operation: one([.all, .read, .write, .describe, .alterConfigs, .describeConfigs]),
                permission: one([.allow, .allow, .deny]))
        }
    }

    /// The same question, put to each rule in turn.
    private func model(
        _ rules: Set<AccessRule>, _ operation: AccessOperation, _ resource: AccessResource,
        _ principal: String, _ host: String
    ) -> (isAllowed: Bool, isRuled: Bool) {
        let about = rules.filter { rule in
            let name = rule.pattern.name
            return rule.pattern.type == resource.type
                && (rule.pattern.form == .literal
                    ? name == "*" || name == resource.name
                    : Array(resource.name.utf8).starts(with: Array(name.utf8)))
        }
        let own = about.filter {
            ["User:*", principal].contains($0.principal) && ["*", host].contains($0.host)
        }
        let isDenied = own.contains {
            $0.permission == .deny && [operation, .all].contains($0.operation)
        }
        let enough: [AccessOperation] =
            switch operation {
            case .describe: [.all, .describe, .read, .write, .delete, .alter]
            case .describeConfigs: [.all, .describeConfigs, .alterConfigs]
            default: [.all, operation]
            }
        let isAllowed = own.contains {
            $0.permission == .allow && enough.contains($0.operation)
        }
        return (isAllowed && !isDenied, !about.isEmpty)
    }

    /// Whether some name of the type is allowed: each pattern that allows, unless it is denied.
    private func modelOfAny(
        _ rules: Set<AccessRule>, _ operation: AccessOperation, _ principal: String, _ host: String
    ) -> Bool {
        let own = rules.filter {
            $0.pattern.type == .topic && ["User:*", principal].contains($0.principal)
                && ["*", host].contains($0.host) && [operation, .all].contains($0.operation)
        }
        return own.filter { $0.permission == .allow }.contains { allowed in
            !own.filter { $0.permission == .deny }.contains { denied in
                let everything = AccessRule.Pattern(type: .topic, name: "*", form: .literal)
                // No prefix denies every name.
                if denied.pattern == everything || allowed.pattern == everything {
                    return denied.pattern == everything
                }
                return switch denied.pattern.form {
                case .literal: denied.pattern == allowed.pattern
                case .prefixed:
                    allowed.pattern.name.utf8.starts(with: denied.pattern.name.utf8)
                }
            }
        }
    }

    @Test func lookedUpRulesSayWhatRulesReadOneByOneSay() {
        var dice = Dice(random: Generator("lookedUpRulesSayWhatRulesReadOneByOneSay"))
        var seen: Set<String> = []
        for _ in 0..<600 {
            let rules = Set((0..<dice.random.below(25)).map { _ in dice.rule() })
            let table = AccessRuleTable(rules)
            for _ in 0..<40 {
                let operation = dice.one(AccessOperation.allCases.filter { $0 != .all })
                let resource = AccessResource(type: dice.one([.topic, .group]), name: dice.name())
                let (principal, host) = (dice.one(["User:a", "User:b"]), dice.one(["h", "i"]))
                let verdict = table.verdict(principal, from: host, on: resource)
                let expected = model(rules, operation, resource, principal, host)
                #expect(verdict.allows(operation) == expected.isAllowed)
                #expect(verdict.isRuled == expected.isRuled)
                let any = modelOfAny(rules, .write, principal, host)
                #expect(table.allowsAny(.write, principal, from: host, of: .topic) == any)
                seen.insert("\(expected) \(any)")
            }
        }
        // Not ruled is never allowed here: of the other six each has come up.
        #expect(seen.count == 6)
    }

    @Test func filtersMatchWhatKafkasDo() {
        let rules: Set = [
            rule("logs"), rule("lo", form: .prefixed), rule("*", .write, .deny, of: "User:*"),
            rule("logs", type: .group, of: "User:bob"),
        ]
        func match(_ change: (inout AccessRuleFilter) -> Void) -> Set<String> {
            var filter = AccessRuleFilter()
            change(&filter)
            return Set(
                rules.filter(filter.matches).map {
                    "\($0.pattern.type.name) \($0.pattern.name) \($0.pattern.form.name)"
                })
        }
        let literal = "TOPIC logs LITERAL"
        let prefixed = "TOPIC lo PREFIXED"
        let star = "TOPIC * LITERAL"
        let group = "GROUP logs LITERAL"
        #expect(match { _ in } == [literal, prefixed, star, group])
        #expect(match { $0.name = "logs" } == [literal, group])
        #expect(match { ($0.name, $0.form) = ("logs", .match) } == [literal, prefixed, star, group])
        #expect(match { ($0.name, $0.form) = ("lo", .match) } == [prefixed, star])
        #expect(match { ($0.name, $0.form) = ("lo", .prefixed) } == [prefixed])
        #expect(match { ($0.name, $0.form) = ("lo", .literal) } == [])
        #expect(match { $0.form = .literal } == [literal, star, group])
        #expect(match { $0.type = .group } == [group])
        #expect(match { $0.principal = "User:*" } == [star])
        #expect(match { $0.principal = "*" } == [])
        #expect(match { $0.host = "*" } == [literal, prefixed, star, group])
        #expect(match { $0.host = "h" } == [])
        #expect(match { $0.operation = .write } == [star])
        #expect(match { $0.permission = .deny } == [star])
        #expect(match { ($0.operation, $0.permission) = (.write, .allow) } == [])
    }

    @Test func rulesComeBackFromTheirFile() throws {
        var dice = Dice(random: Generator("rulesComeBackFromTheirFile"))
        var rules = Set((0..<200).map { _ in dice.rule() })
        for type in ResourceType.allCases {
            for operation in AccessOperation.allCases {
                let name = type == .cluster ? "kafka-cluster" : "\"a\\b\"\u{7}"
                rules.insert(rule(name, operation, .deny, type: type, of: "User:CN=a\\,b,O=c"))
            }
        }
        let text = AccessRuleTable(rules).json.text(indent: true)
        let read = try #require(AccessRuleTable(try JSON(parsing: text)))
        #expect(read.rules == rules)
        #expect(read.json.text(indent: true) == text)
    }

    /// Leaving one out could be to leave a DENY out.
    @Test(arguments: [
        ("operation", "FLY"), ("resourceType", "MOON"), ("name", ""), ("patternType", "MATCH"),
        ("permission", "MAYBE"), ("principal", "nobody"), ("host", ""),
    ])
    func aFileWithOneUnknownRuleHoldsNone(member: String, value: String) throws {
        let good = rule("t").json
        #expect(AccessRuleTable(JSON.array([good]))?.rules == [rule("t")])
        let bad = JSON.object(
            try #require(good.members).map { (name, old) in
                (name: name, value: name == member ? .string(value) : old)
            })
        #expect(AccessRuleTable(JSON.array([good, bad])) == nil)
        #expect(AccessRuleTable(JSON.object([])) == nil)
        #expect(AccessRuleTable(JSON.array([.int(1)])) == nil)
    }

    @Test func ruleThatCannotBeHadSaysWhy() {
        #expect(rule("t").problem == nil)
        #expect(rule("").problem?.contains("name is empty") == true)
        #expect(rule("t", of: "alice").problem?.contains("User:NAME") == true)
        #expect(rule("t", of: ":alice").problem != nil)
        #expect(rule("t", host: "").problem?.contains("host") == true)
        #expect(rule("cluster", type: .cluster).problem?.contains("kafka-cluster") == true)
        let long = String(repeating: "x", count: 2000)
        #expect(rule(long).problem != nil && rule("t", of: "User:" + long).problem != nil)
        #expect(rule("t", host: long).problem != nil)
    }
}
