import Testing

@testable import VarveBroker

@Suite struct PrincipalMappingTests {
    private let subject = "CN=kafka1,OU=SME,O=mycp,L=Fulton,ST=MD,C=US"

    private func name(_ rules: String, _ subject: String? = nil) throws -> String? {
        try PrincipalMapping(rules).name(of: subject ?? self.subject)
    }

    /// The examples of KIP-371.
    @Test func kafkasExamplesGiveWhatTheyGiveThere() throws {
        let rules = """
            RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/,
            RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L,
            RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L,
            DEFAULT
            """
        #expect(try name(rules, "CN=duke,OU=ServiceUsers,O=Org,C=US") == "duke")
        #expect(try name(rules, "CN=duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US") == "duke@sme")
        #expect(
            try name(rules, "cn=JohnDoe,ou=SME,o=mycp,c=US") == "johndoe")
        #expect(try name(rules, "OU=JavaSoft,O=Sun") == "OU=JavaSoft,O=Sun")
    }

    @Test func theSubjectItselfIsTheDefault() throws {
        #expect(try name("DEFAULT") == subject)
        #expect(try name("  DEFAULT  ") == subject)
    }

    @Test func whereNoRuleFitsThereIsNoName() throws {
        #expect(try name("RULE:^CN=nobody$/x/") == nil)
        #expect(try name("") == nil)
        // The expression must be the whole subject, not a part of it.
        #expect(try name("RULE:CN=kafka1/x/") == nil)
    }

    @Test func lettersAndReferencesAreAsInKafka() throws {
        #expect(try name("RULE:^CN=(.*?),.*$/$1/U") == "KAFKA1")
        #expect(try name("RULE:^CN=(.*?),OU=(.*?),.*$/$2-$1/L") == "sme-kafka1")
        // A group that is not there stays text; of $12 with one group the first counts.
        #expect(try name("RULE:^CN=(.*?),.*$/$1@$4/") == "kafka1@$4")
        #expect(try name("RULE:^CN=(.*?),.*$/$12/") == "kafka12")
        #expect(try name("RULE:^CN=(.*?),.*$/a\\/$1\\$1/") == "a/kafka1$1")
        #expect(try name("RULE:^CN=(.*?)\\/.*$/$1/,DEFAULT", "CN=a/b") == "a")
    }

    @Test(arguments: [
        "RULE:^CN=(.*$/x/", "RULE:a/b", "RULE:a", "DEFAULTS", "DEFAULT RULE:a/b/", "default",
        "RULE:a/b/X",
    ])
    func whatIsNoRuleIsRefused(rules: String) {
        #expect(throws: PrincipalMapping.Problem.self) { try PrincipalMapping(rules) }
    }

    @Test func settingThatIsNoRuleIsRefusedByName() throws {
        let settings = try BrokerSettings(["ssl.principal.mapping.rules": "RULE:a"])
        #expect(throws: BrokerError.self) { try settings.access() }
    }
}
