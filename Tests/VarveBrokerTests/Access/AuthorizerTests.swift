import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

@testable import VarveBroker

/// Who is let in where no rule says, and what becomes of the rules.
struct AuthorizerTests {
    private let disk = SimulatedDisk(seed: 1)
    private let lines = Lock<[String]>([])
    private let alice = Principal(name: "alice")
    private let admin = Principal(name: "admin")

    private func open(
        allowsUnruled: Bool = false
    ) throws -> (authorizer: Authorizer, directory: DataDirectory) {
        let logger = Logger("test", levelMin: .error, sink: { [lines] line in
            lines.withLock { $0.append(line) }
        })
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: DataDirectoryOptions(commit: .manual), now: 0,
            logger: nil)
        let authorizer = Authorizer(
            AuthorizerSettings(superUsers: ["User:admin"], allowsUnruled: allowsUnruled),
            directory: directory, clock: SimulatedClock(), logger: logger)
        try authorizer.load(now: 5)
        return (authorizer, directory)
    }

    private func rule(
        _ name: String, _ operation: AccessOperation, _ permission: AccessRule.Permission = .allow
    ) -> AccessRule {
        AccessRule(
            pattern: .init(type: .topic, name: name, form: .literal), principal: "User:alice",
            host: "*", operation: operation, permission: permission)
    }

    private func allows(
        _ authorizer: Authorizer, _ operation: AccessOperation, _ topic: String,
        _ principal: Principal? = nil
    ) -> Bool {
        authorizer.allows(operation, .topic(topic), principal ?? alice, from: "h")
    }

    @Test func withoutARuleNobodyIsLetInUnlessTheSettingSaysSo() throws {
        let strict = try open().authorizer
        #expect(!allows(strict, .read, "t"))
        #expect(!strict.allowsAny(.write, of: .topic, alice, from: "h"))
        #expect(allows(strict, .read, "t", admin))
        #expect(strict.allowsAny(.write, of: .topic, admin, from: "h"))
    }

    @Test func aRuleForAThingEndsWhatEverybodyMayDoToIt() throws {
        let lax = try open(allowsUnruled: true).authorizer
        #expect(allows(lax, .write, "t"))
        try lax.replace(with: AccessRuleTable([rule("t", .read)]))
        #expect(allows(lax, .read, "t") && !allows(lax, .write, "t"))
        #expect(!allows(lax, .read, "t", Principal(name: "bob")))
        #expect(allows(lax, .write, "other") && lax.allowsAny(.write, of: .topic, alice, from: "h"))
        try lax.replace(with: AccessRuleTable([rule("*", .read)]))
        #expect(!allows(lax, .write, "other"))
        #expect(!lax.allowsAny(.write, of: .topic, alice, from: "h"))
    }

    @Test func superUsersMayDoWhatIsDenied() throws {
        let authorizer = try open().authorizer
        var denied = rule("t", .all, .deny)
        denied.principal = "User:*"
        try authorizer.replace(with: AccessRuleTable([denied]))
        #expect(allows(authorizer, .delete, "t", admin) && !allows(authorizer, .delete, "t"))
    }

    @Test func rulesAreThereAfterAPowerCut() throws {
        var (authorizer, directory) = try open()
        let version = authorizer.version
        try authorizer.replace(with: AccessRuleTable([rule("t", .read)]))
        #expect(authorizer.version != version)
        try directory.close(now: 0)
        disk.powerCut()
        (authorizer, directory) = try open()
        #expect(authorizer.rules.rules == [rule("t", .read)])
        #expect(allows(authorizer, .read, "t") && !authorizer.areRulesLost)
        #expect(lines.withLock { $0 }.isEmpty)
    }

    @Test func whatCannotBeKeptIsNotInForce() throws {
        let (authorizer, _) = try open()
        try authorizer.replace(with: AccessRuleTable([rule("t", .read)]))
        disk.fail(.init(operation: disk.operationCount, errno: 5, isLasting: true))
        #expect(throws: LogError.self) {
            try authorizer.replace(with: AccessRuleTable([rule("t", .write)]))
        }
        #expect(allows(authorizer, .read, "t") && !allows(authorizer, .write, "t"))
    }

    /// The rules that denied are lost with the others: nobody is let in for want of one.
    @Test func damagedRulesLetNobodyInAndSayWhatToDo() throws {
        var (authorizer, directory) = try open(allowsUnruled: true)
        try authorizer.replace(with: AccessRuleTable([rule("secret", .all, .deny)]))
        try directory.close(now: 0)
        damage(disk)
        for _ in 0..<2 {
            // The damage is remembered over restarts, though the file is gone.
            (authorizer, directory) = try open(allowsUnruled: true)
            #expect(authorizer.areRulesLost)
            for topic in ["secret", "t"] { #expect(!allows(authorizer, .read, topic)) }
            #expect(!authorizer.allowsAny(.write, of: .topic, alice, from: "h"))
            #expect(allows(authorizer, .read, "secret", admin))
            try directory.close(now: 0)
        }
        let told = lines.withLock { $0 }
        let aside = "quarantine/access-rules-5"
        #expect(told.contains { $0.contains("damaged") && $0.contains(aside) })
        #expect(told.filter { $0.contains("access-rules-lost") && $0.contains("super") }.count == 2)
        #expect(try disk.entry("/data/quarantine/access-rules-5") != nil)
        // New rules count, and the mark goes by hand.
        (authorizer, directory) = try open(allowsUnruled: true)
        try authorizer.replace(with: AccessRuleTable([rule("t", .read)]))
        #expect(allows(authorizer, .read, "t") && !allows(authorizer, .read, "other"))
        try directory.close(now: 0)
        try disk.remove("/data/" + Authorizer.lostFileName)
        (authorizer, directory) = try open(allowsUnruled: true)
        #expect(allows(authorizer, .read, "t") && allows(authorizer, .read, "other"))
        try directory.close(now: 0)
    }

    /// Wherever the power goes while the damage is dealt with, no later start is open.
    @Test func noPowerCutAmidTheDamageOpensTheBroker() throws {
        var cuts = 0
        for keep in [0, 50, 100] {
            var isThrough = false
            for cut in 0..<200 where !isThrough {
                let test = AuthorizerTests()
                var (authorizer, directory) = try test.open(allowsUnruled: true)
                try authorizer.replace(with: AccessRuleTable([rule("secret", .all, .deny)]))
                try directory.close(now: 0)
                damage(test.disk)
                test.disk.die(at: test.disk.operationCount + cut)
                do {
                    _ = try test.open(allowsUnruled: true)
                    isThrough = !test.disk.isDead
                } catch {
                    cuts += 1
                }
                test.disk.powerCut(keep: keep)
                (authorizer, directory) = try test.open(allowsUnruled: true)
                #expect(!test.allows(authorizer, .read, "secret"), "cut at \(cut)")
                #expect(!test.allows(authorizer, .read, "t"), "cut at \(cut)")
                try directory.close(now: 0)
            }
            #expect(isThrough)
        }
        #expect(cuts > 30)
    }

    private func damage(_ disk: SimulatedDisk) {
        #expect(disk.damage("/data/" + Authorizer.fileName, at: 60))
    }

    @Test func settingsAreRefusedByName() throws {
        func problem(_ settings: [String: String]) -> String {
            do {
                _ = try BrokerSettings(settings).access()
                return "none"
            } catch {
                return "\(error)"
            }
        }
        let name = "authorizer.class.name"
        #expect(problem([name: "com.example.Ranger"]).contains("no authorizer com.example.Ranger"))
        #expect(problem([name: "com.example.Ranger"]).contains("StandardAuthorizer"))
        #expect(problem(["super.users": "alice"]).contains("\"alice\" is not of the form User:"))
        #expect(problem(["super.users": "User:"]).contains("super.users"))
        #expect(problem(["allow.everyone.if.no.acl.found": "yes"]).contains("true or false"))
        #expect(try BrokerSettings([:]).access().authorizer == nil)
        for authorizer in [
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "kafka.security.authorizer.AclAuthorizer",
        ] {
            let plan = try BrokerSettings([
                name: authorizer, "super.users": " User:CN=a,O=b ; User:c;",
            ]).access()
            #expect(plan.authorizer?.superUsers == ["User:CN=a,O=b", "User:c"])
            #expect(plan.authorizer?.allowsUnruled == false)
        }
    }
}
