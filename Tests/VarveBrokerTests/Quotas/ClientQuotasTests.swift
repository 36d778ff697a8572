import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

@testable import VarveBroker

@Suite struct ClientQuotasTests {
    private let disk = SimulatedDisk(seed: 1)
    private let logger = Logger("test", levelMin: .error, sink: { _ in })

    private func open() throws -> (quotas: ClientQuotas, directory: DataDirectory) {
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: DataDirectoryOptions(commit: .manual), now: 0,
            logger: nil)
        let quotas = ClientQuotas(
            file: directory.stateFile(ClientQuotas.fileName), burstSeconds: 10, logger: logger)
        try quotas.load(now: 0)
        return (quotas, directory)
    }

    private func table(_ kind: QuotaKind, _ entity: QuotaEntity, _ value: Double) -> QuotaTable {
        var table = QuotaTable()
        table.set(kind, of: entity, to: value)
        return table
    }

    @Test func whatIsSetIsThereAfterAPowerCut() throws {
        let entity = QuotaEntity(user: .standard)
        var (quotas, directory) = try open()
        #expect(!quotas.isInForce(.produce))
        try quotas.replace(with: table(.produce, entity, 1000))
        #expect(quotas.isInForce(.produce) && !quotas.isInForce(.fetch))
        try directory.close(now: 0)
        disk.powerCut()
        (quotas, directory) = try open()
        #expect(quotas.table == table(.produce, entity, 1000))
        #expect(quotas.isInForce(.produce))
    }

    @Test func aDamagedFileIsSetAsideAndNoQuotaIsInForce() throws {
        var (quotas, directory) = try open()
        try quotas.replace(with: table(.fetch, QuotaEntity(user: .standard), 1))
        try directory.close(now: 0)
        let file = try disk.open("/data/" + ClientQuotas.fileName, .readWrite)
        try ByteSlice("x").withUnsafeBytes { try file.write($0, at: 40) }
        (quotas, directory) = try open()
        #expect(quotas.table.isEmpty)
        #expect(
            try disk.list("/data/quarantine").contains { $0.hasPrefix(ClientQuotas.fileName) })
        try directory.close(now: 0)
        (quotas, directory) = try open()
        #expect(quotas.table.isEmpty)
    }

    @Test func clientsOfOneUserShareItsQuota() throws {
        let quotas = try open().quotas
        try quotas.replace(with: table(.produce, QuotaEntity(user: .standard), 100))
        func charge(_ user: String, _ id: String) -> Int64 {
            quotas.charge(.produce, 600, for: QuotaClient(user: user, clientID: id), now: 0)
        }
        #expect(charge("alice", "a") == 0)
        #expect(charge("alice", "b") == 2000)
        #expect(charge("bob", "a") == 0)
        #expect(
            quotas.charge(.fetch, 1e9, for: QuotaClient(user: "bob", clientID: ""), now: 0) == 0)
    }

    @Test func removedQuotasForgiveDebts() throws {
        let quotas = try open().quotas
        let client = QuotaClient(user: "u", clientID: "c")
        try quotas.replace(with: table(.produce, QuotaEntity(user: .standard), 1))
        #expect(quotas.charge(.produce, 1000, for: client, now: 0) > 0)
        try quotas.replace(with: QuotaTable())
        #expect(quotas.charge(.produce, 1000, for: client, now: 0) == 0)
        #expect(quotas.bucketCount == 0)
        #expect(quotas.burst(.produce, for: client) == nil)
    }

    @Test func manyClientIDsTakeBoundedMemory() throws {
        let quotas = try open().quotas
        try quotas.replace(with: table(.produce, QuotaEntity(clientID: .standard), 1))
        for index in 0..<ClientQuotas.bucketsMax * 2 {
            let client = QuotaClient(user: "u", clientID: "\(index)")
            _ = quotas.charge(.produce, 10, for: client, now: 0)
        }
        // One more for those who share a measure.
        #expect(quotas.bucketCount <= ClientQuotas.bucketsMax + 1)
        let late = QuotaClient(user: "u", clientID: "late")
        #expect(quotas.charge(.produce, 1, for: late, now: 0) > 0)
        // Once the others are quiet their measures go.
        #expect(quotas.charge(.produce, 1, for: late, now: 100_000_000) == 0)
        #expect(quotas.bucketCount < 10)
    }
}
