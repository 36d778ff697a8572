import Testing
import VarveWire

@testable import VarveBroker

/// The state machine of one transactional id, without disk and clock.
struct TransactionTests {
    private static let start: Int64 = 1_000_000
    private let now = TransactionTests.start
    private let new = Transaction(
        id: "t", producerID: 7, timeout: 60_000, at: TransactionTests.start)
    private let here = TransactionPartition(topic: "a", index: 0)

    private func newID() throws(TransactionFailure) -> Int64 { 99 }

    private func begin(
        _ transaction: Transaction, _ expected: ProducerIdentity? = nil
    ) throws -> Transaction.Initialization {
        try transaction.initialized(
            by: expected, timeout: 60_000, at: now
        ) { () throws(TransactionFailure) in try newID() }
    }

    private func ready(
        _ transaction: Transaction, _ expected: ProducerIdentity? = nil
    ) throws -> Transaction {
        guard case .ready(let next) = try begin(transaction, expected) else {
            throw TransactionFailure(.unknownServerError, "not ready")
        }
        return next
    }

    private func ongoing(
        _ transaction: Transaction, _ clientProtocol: TransactionProtocol = .classic,
        at now: Int64 = TransactionTests.start
    ) throws -> Transaction {
        try transaction.adding(
            [here], by: transaction.producer, clientProtocol, countMax: 10, at: now
        ).get()
    }

    private func end(
        _ transaction: Transaction, commits: Bool = true, by producer: ProducerIdentity? = nil,
        _ clientProtocol: TransactionProtocol = .classic
    ) throws -> Transaction.Ending {
        try transaction.ended(
            commits: commits, by: producer ?? transaction.producer, clientProtocol, at: now
        ) { () throws(TransactionFailure) in try newID() }
    }

    private func prepared(
        _ transaction: Transaction, commits: Bool = true,
        _ clientProtocol: TransactionProtocol = .classic
    ) throws -> Transaction {
        guard case .prepared(let next) = try end(transaction, commits: commits, clientProtocol)
        else { throw TransactionFailure(.unknownServerError, "not prepared") }
        return next
    }

    private func producer(_ epoch: Int16, id: Int64 = 7) -> ProducerIdentity {
        ProducerIdentity(id: id, epoch: epoch)
    }

    // MARK: InitProducerId

    @Test func everyNewProducerGetsTheNextEpoch() throws {
        #expect(new.producer == producer(0))
        let second = try ready(new)
        #expect(second.producer == producer(1) && second.phase == .empty)
        #expect(second.refusal(of: producer(0)) == .producerFenced)
        #expect(second.refusal(of: producer(1)) == nil)
        #expect(second.refusal(of: producer(1, id: 8)) == .invalidProducerIdMapping)
    }

    @Test func aProducerThatKnowsItsEpochGetsItRaisedAndARetryIsToldTheSame() throws {
        let raised = try ready(new, producer(0))
        #expect(raised.producer == producer(1))
        #expect(try ready(raised, producer(0)) == raised)
        #expect(try ready(raised, producer(1)).producer == producer(2))
        // Once another instance has come, the first one is out.
        let taken = try ready(raised)
        for old in [producer(0), producer(1), producer(5), producer(2, id: 8)] {
            #expect(try begin(taken, old) == .refused(.producerFenced))
        }
    }

    @Test func usedUpEpochsGiveANewProducerID() throws {
        var last = new
        last.producer.epoch = Int16.max - 1
        let rotated = try ready(last)
        #expect(rotated.producer == producer(0, id: 99) && rotated.previousID == 7)
        #expect(rotated.previousEpoch == -1)
        // A retry of the call that rotated it is told the same.
        let byClient = try ready(last, producer(Int16.max - 1))
        #expect(try ready(byClient, producer(Int16.max - 1)) == byClient)
        #expect(try begin(byClient, producer(3)) == .refused(.producerFenced))
        last.producer.epoch = Int16.max
        #expect(try ready(last).producer == producer(0, id: 99))
    }

    @Test func anOpenTransactionIsAbortedFirstUnderANewEpoch() throws {
        let open = try ongoing(new)
        guard case .abortsFirst(let aborting) = try begin(open) else {
            Issue.record("not aborted")
            return
        }
        #expect(aborting.phase == .prepareAbort && aborting.producer == producer(1))
        #expect(aborting.partitions == [here])
        #expect(try begin(aborting) == .refused(.concurrentTransactions))
        #expect(try ready(aborting.completed(at: now)).producer == producer(2))
        // Whoever was fenced before cannot end what its successor has begun.
        let successor = try ongoing(ready(new))
        #expect(try begin(successor, producer(0)) == .refused(.producerFenced))
        // The client itself, which wants a new epoch, goes on with the one of the abort.
        guard case .abortsFirst(let own) = try begin(open, producer(0)) else {
            Issue.record("not aborted")
            return
        }
        #expect(try ready(own.completed(at: now), producer(0)).producer == producer(1))
    }

    // MARK: Partitions

    @Test func partitionsTakePartOnceAndNoMoreThanAllowed() throws {
        let open = try ongoing(new)
        #expect(open.phase == .ongoing && open.startTime == now && open.contains(here))
        #expect(try ongoing(open) == open)
        let many = (0..<11).map { TransactionPartition(topic: "a", index: $0) }
        let refused = open.adding(many, by: producer(0), .classic, countMax: 10, at: now)
        #expect(throws: TransactionFailure.self) { try refused.get() }
        let more = try open.adding(
            many[..<10], by: producer(0), .classic, countMax: 10, at: now + 5
        ).get()
        #expect(more.partitions.count == 10 && more.startTime == now)
    }

    @Test func nothingJoinsATransactionThatIsDecided() throws {
        let deciding = try prepared(ongoing(new))
        #expect(deciding.refusal(of: producer(0)) == .concurrentTransactions)
        #expect(!deciding.contains(here))
        let done = deciding.completed(at: now)
        #expect(!done.contains(here) && done.partitions.isEmpty)
        #expect(try ongoing(done).phase == .ongoing)
    }

    // MARK: EndTxn

    /// Kafka's table, for clients with one epoch for many transactions.
    @Test func endingByTheTable() throws {
        let open = try ongoing(new)
        let committing = try prepared(open)
        let aborting = try prepared(open, commits: false)
        #expect(committing.phase == .prepareCommit && aborting.phase == .prepareAbort)
        #expect(committing.producer == producer(0))
        let committed = committing.completed(at: now)
        let aborted = aborting.completed(at: now)
        let table: [(Transaction, commits: Transaction.Ending, aborts: Transaction.Ending)] = [
            (new, .refused(.invalidTxnState), .refused(.invalidTxnState)),
            (committing, .refused(.concurrentTransactions), .refused(.invalidTxnState)),
            (aborting, .refused(.invalidTxnState), .refused(.concurrentTransactions)),
            (committed, .done, .refused(.invalidTxnState)),
            (aborted, .refused(.invalidTxnState), .done),
        ]
        for (state, commits, aborts) in table {
            #expect(try end(state, commits: true) == commits, "\(state.phase)")
            #expect(try end(state, commits: false) == aborts, "\(state.phase)")
            #expect(try end(state, by: producer(1)) == .refused(.producerFenced))
            #expect(try end(state, by: producer(0, id: 8)) == .refused(.invalidProducerIdMapping))
        }
    }

    /// The same where each transaction has an epoch of its own (KIP-890).
    @Test func endingByTheTableWithAnEpochForEach() throws {
        let open = try ongoing(new, .epochPerTransaction)
        let committing = try prepared(open, .epochPerTransaction)
        #expect(committing.producer == producer(1))
        let committed = committing.completed(at: now)
        #expect(committed.producer == producer(1) && committed.phase == .completeCommit)
        // The first try's answer was lost.
        #expect(try end(committed, by: producer(0), .epochPerTransaction) == .done)
        #expect(
            try end(committing, by: producer(0), .epochPerTransaction)
                == .refused(.concurrentTransactions))
        #expect(
            try end(committed, commits: false, by: producer(0), .epochPerTransaction)
                == .refused(.invalidTxnState))
        // With the new epoch it is another call: there is nothing to commit, and nothing to abort
        // but what the client believes it began.
        #expect(try end(committed, .epochPerTransaction) == .refused(.invalidTxnState))
        let nothing = try prepared(committed, commits: false, .epochPerTransaction)
        #expect(nothing.partitions.isEmpty && nothing.producer == producer(2))
        #expect(
            try prepared(new, commits: false, .epochPerTransaction).producer == producer(1))
        #expect(try end(new, .epochPerTransaction) == .refused(.invalidTxnState))
        // A late retry does not end the next transaction.
        let next = try ongoing(committed, .epochPerTransaction)
        #expect(
            try end(next, by: producer(0), .epochPerTransaction) == .refused(.producerFenced))
    }

    @Test func theLastEpochsTransactionHandsOverToANewProducerID() throws {
        var last = new
        last.producer.epoch = Int16.max - 1
        let committing = try prepared(
            ongoing(last, .epochPerTransaction), .epochPerTransaction)
        #expect(committing.producer == producer(Int16.max) && committing.nextID == 99)
        let committed = committing.completed(at: now)
        #expect(committed.producer == producer(0, id: 99) && committed.previousID == 7)
        #expect(
            try end(committed, by: producer(Int16.max - 1), .epochPerTransaction) == .done)
    }

    // MARK: Time

    @Test func aTransactionThatTakesTooLongIsAbortedAndItsProducerFenced() throws {
        let open = try ongoing(new)
        #expect(open.expired(at: now + 60_000) == nil)
        let late = try #require(open.expired(at: now + 60_001))
        #expect(late.phase == .prepareAbort && late.producer == producer(1))
        #expect(try end(late, by: producer(0)) == .refused(.producerFenced))
        let done = late.completed(at: now)
        #expect(done.refusal(of: producer(0)) == .producerFenced)
        #expect(try begin(done, producer(0)) == .refused(.producerFenced))
        for state in [new, late, done] { #expect(state.expired(at: now + 1_000_000) == nil) }
    }

    @Test func onlyIdsWithoutATransactionAreUnused() throws {
        let open = try ongoing(new)
        let deciding = try prepared(open)
        #expect(!open.isUnused(for: 10, at: now + 100))
        #expect(!deciding.isUnused(for: 10, at: now + 100))
        #expect(new.isUnused(for: 10, at: now + 11) && !new.isUnused(for: 10, at: now + 10))
        #expect(deciding.completed(at: now).isUnused(for: 10, at: now + 11))
    }

    // MARK: As records

    @Test func everyStateComesBackFromItsRecord() throws {
        let open = try ongoing(new, .epochPerTransaction)
        var last = open
        last.producer.epoch = Int16.max - 1
        let states = [
            new, open, try prepared(open), try prepared(last, .epochPerTransaction),
            try prepared(last, .epochPerTransaction).completed(at: now),
        ]
        for state in states {
            let value = try TransactionValue.decode(state.value.encoded())
            var expected = state
            // Kafka's record has no place for it; a retry over a restart is fenced.
            expected.previousEpoch = -1
            #expect(Transaction(id: "t", value) == expected)
        }
        var dead = new.value
        dead.transactionStatus = 6
        #expect(Transaction(id: "t", dead) == nil)
    }
}
