import Testing
import VarvePlatform

@testable import VarveBroker

@Suite struct QuotaTableTests {
    private let client = QuotaClient(user: "alice", clientID: "agent")

    /// The order of precedence of KIP-55, each entity alone and all of them together.
    @Test func theEntityThatSaysMoreGoesFirst() {
        let alice = QuotaEntity.Name.named("alice")
        let agent = QuotaEntity.Name.named("agent")
        let order = [
            QuotaEntity(user: alice, clientID: agent),
            QuotaEntity(user: alice, clientID: .standard), QuotaEntity(user: alice),
            QuotaEntity(user: .standard, clientID: agent),
            QuotaEntity(user: .standard, clientID: .standard), QuotaEntity(user: .standard),
            QuotaEntity(clientID: agent), QuotaEntity(clientID: .standard),
        ]
        var table = QuotaTable()
        for (index, entity) in order.enumerated().reversed() {
            table.set(.produce, of: entity, to: Double(index + 1))
            let found = table.quota(.produce, for: client)
            #expect(found?.entity == entity)
            #expect(found?.value == Double(index + 1))
        }
        #expect(table.quota(.fetch, for: client) == nil)
        let stranger = QuotaClient(user: "bob", clientID: "other")
        #expect(table.quota(.produce, for: stranger)?.value == 5)
        table.set(.fetch, of: QuotaEntity(clientID: .named("other")), to: 9)
        #expect(table.quota(.fetch, for: stranger)?.value == 9)
        #expect(table.quota(.fetch, for: client) == nil)
    }

    @Test func aQuotaOfAUserIsSharedByItsClientsAndOneOfAClientByItsUsers() {
        #expect(
            QuotaEntity(user: .standard).sharers(client) == QuotaSharers(user: "alice"))
        #expect(
            QuotaEntity(clientID: .standard).sharers(client) == QuotaSharers(clientID: "agent"))
        #expect(
            QuotaEntity(user: .standard, clientID: .named("agent")).sharers(client)
                == QuotaSharers(user: "alice", clientID: "agent"))
    }

    @Test func theTableComesBackFromItsFile() throws {
        var table = QuotaTable()
        table.set(.produce, of: QuotaEntity(user: .named("alice")), to: 1_048_576)
        table.set(.requestTime, of: QuotaEntity(user: .named("alice")), to: 12.5)
        table.set(.fetch, of: QuotaEntity(user: .standard, clientID: .standard), to: 1)
        table.set(.fetch, of: QuotaEntity(clientID: .named("\"quoted\" é")), to: 7)
        let text = table.json.text(indent: true)
        #expect(QuotaTable(try JSON(parsing: text)) == table)
        #expect(table.sorted.count == 3)
        table.set(.produce, of: QuotaEntity(user: .named("alice")), to: nil)
        table.set(.requestTime, of: QuotaEntity(user: .named("alice")), to: nil)
        #expect(table.sorted.count == 2)
    }

    @Test(arguments: [
        "{}", "[1]", #"[{"user": "a"}]"#, #"[{"quotas": {"producer_byte_rate": 1}}]"#,
        #"[{"user": "a", "quotas": {"producer_byte_rate": -1}}]"#,
        #"[{"user": "a", "quotas": {"producer_byte_rate": "1"}}]"#,
        #"[{"user": "a", "quotas": {"producer_byte_rate": 0.5}}]"#,
    ])
    func whatIsNoTableIsRefused(text: String) throws {
        #expect(QuotaTable(try JSON(parsing: text)) == nil)
    }

    @Test func aKindOfQuotaOfALaterVersionIsLeftOut() throws {
        let text = #"[{"user": null, "quotas": {"new_rate": 1, "request_percentage": 50}}]"#
        let table = try #require(QuotaTable(try JSON(parsing: text)))
        #expect(table.quotas == [QuotaEntity(user: .standard): [.requestTime: 50]])
    }
}
