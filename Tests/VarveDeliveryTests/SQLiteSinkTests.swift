#if VARVE_SQLITE
    import Foundation
    import Testing
    import VarvePlatform

    @testable import VarveDelivery

    @Suite struct SQLiteSinkTests {
        private let directory = TemporaryDirectory()
        private var path: String { directory.path + "/new/search.db" }

        private func deliver(_ events: [Event]) async -> [Verdict] {
            let sink = SQLiteSink(SQLiteConfiguration(path: path))
            let verdicts = await sink.deliver(events)
            await sink.close()
            return verdicts
        }

        @Test func redeliveryChangesNothing() async throws {
            #expect(await deliver(Event.series(0..<50)).allSatisfy { $0 == .delivered })
            #expect(await deliver(Event.series(20..<80)).allSatisfy { $0 == .delivered })
            #expect(try SearchIndex.counts(path: path) == ["zeek": 80])
            let hits = try SearchIndex.search(path: path, query: "event", limit: 1000)
            #expect(hits.map(\.offset) == Array((0..<80).reversed()))
        }

        /// One number of the database file.
        private func number(_ question: String) throws -> Int64? {
            let database = try SQLiteDatabase(path: path, readOnly: true)
            var result: Int64?
            try database.query(question) {
                result = $0.integer(0)
                return false
            }
            return result
        }

        /// A file of an earlier version goes on as it is; new ones have larger pages; both gather
        /// words the new way.
        @Test(arguments: [false, true]) func anOldFileIsGoneOnWith(_ isOld: Bool) async throws {
            if isOld {
                try SearchIndex.makeDirectory(of: path)
                let old = try SQLiteDatabase(path: path, readOnly: false)
                try old.run("PRAGMA journal_mode=WAL;")
                try old.run(SearchIndex.schema)
                try old.run(
                    """
                    INSERT INTO events VALUES(1, 'zeek', 0, 0, 5, NULL, '{"m":"ancient event"}');
                    INSERT INTO events_text(rowid, text) VALUES(1, 'ancient event');
                    """)
            }
            #expect(await deliver(Event.series(1..<3)).allSatisfy { $0 == .delivered })
            let hits = try SearchIndex.search(path: path, query: "event", limit: 10)
            #expect(hits.map(\.offset) == (isOld ? [2, 1, 0] : [2, 1]))
            #expect(try number("PRAGMA page_size") == (isOld ? 4096 : 16_384))
            let config = "SELECT v FROM events_text_config WHERE k ="
            #expect(try number("\(config) 'hashsize'") == 32 << 20)
            #expect(try number("\(config) 'automerge'") == 8)
        }

        @Test func searchFindsWordsValuesAndSigns() async throws {
            _ = await deliver([
                .text(
                    #"{"user":"Jürgen","cmd":"C:\\Windows\\System32\\cmd.exe\tpower\u0073hell","ip":"10.0.0.5"}"#,
                    offset: 0),
                .text("plain line from 10.0.0.50\n", offset: 1),
                .text(#"{"code":4625,"nested":{"deep":["failed logon"]}}"#, offset: 2),
                Event(topic: "zeek", partition: 0, offset: 3, timestamp: -1, value: nil),
                Event(
                    topic: "zeek", partition: 0, offset: 4, timestamp: 1,
                    value: ByteSlice([0xFF, 0x41])),
            ])
            func offsets(_ query: String) throws -> [Int64] {
                try SearchIndex.search(path: path, query: query, limit: 10).map(\.offset)
            }
            #expect(try offsets("powershell") == [0])
            #expect(try offsets("jurgen") == [0])
            #expect(try offsets(#"C:\Windows\System32"#) == [0])
            #expect(try offsets("10.0.0.5") == [0])
            #expect(try offsets("failed AND logon") == [2])
            #expect(try offsets("failed-logon") == [2])
            #expect(try offsets("4625") == [2])
            #expect(try offsets("fail*") == [2])
            #expect(try offsets("nested") == [])
            #expect(try offsets("\"") == [])
            #expect(try offsets("AND") == [])
            #expect(try offsets("") == [])
        }

        @Test func hitsCarryTheEventAndASnippet() async throws {
            let long =
                String(repeating: "filler ", count: 60) + "needle"
                + String(repeating: " hay", count: 60)
            _ = await deliver([.text(#"{"m":"\#(long)"}"#, offset: 9)])
            let hit = try #require(
                try SearchIndex.search(path: path, query: "NEEDLE", limit: 1).first)
            #expect(hit.topic == "zeek" && hit.partition == 0 && hit.offset == 9)
            #expect(hit.timestamp == 1_767_225_600_123)
            #expect(hit.value?.string == #"{"m":"\#(long)"}"#)
            #expect(hit.snippet.contains("needle"))
            #expect(hit.snippet.count < 140)
        }

        @Test func theLimitKeepsTheNewest() async throws {
            _ = await deliver(Event.series(0..<30))
            #expect(
                try SearchIndex.search(path: path, query: "event", limit: 3).map(\.offset) == [
                    29, 28, 27,
                ])
        }

        @Test func bytesThatAreNoTextComeBackWhole() async throws {
            let bytes = ByteSlice([0x41, 0x00, 0xFF, 0x42])
            _ = await deliver([
                Event(
                    topic: "t", partition: 0, offset: 0, timestamp: 0, key: ByteSlice([0xFE]),
                    value: bytes)
            ])
            let hit = try #require(try SearchIndex.search(path: path, query: "B", limit: 1).first)
            #expect(hit.value == bytes)
            #expect(hit.key == ByteSlice([0xFE]))
        }

        @Test func aSearchBesideTheWriterSeesWholeBatches() async throws {
            let sink = SQLiteSink(SQLiteConfiguration(path: path))
            for start: Int64 in stride(from: 0, to: 100, by: 10) {
                _ = await sink.deliver(Event.series(start..<start + 10))
                #expect(try SearchIndex.counts(path: path) == ["zeek": start + 10])
            }
            await sink.close()
        }

        @Test func whatIsNoDatabasePausesAndAMissingOneIsSaid() async throws {
            #expect(throws: SearchError.missing(path: path)) {
                try SearchIndex.search(path: path, query: "x", limit: 1)
            }
            try FileManager.default.createDirectory(
                atPath: directory.path + "/new", withIntermediateDirectories: true)
            try Data("this is no database, and long enough to be sure of it".utf8)
                .write(to: URL(fileURLWithPath: path))
            for verdict in await deliver(Event.series(0..<2)) {
                guard case .pause = verdict else {
                    Issue.record("\(verdict)")
                    continue
                }
            }
        }

        @Test func aBatchIsAllOrNothingForAReader() async throws {
            let sink = SQLiteSink(SQLiteConfiguration(path: path))
            _ = await sink.deliver(Event.series(0..<1))
            // Another writer holds the database longer than the sink is willing to wait.
            let other = try SQLiteDatabase(path: path, readOnly: false)
            try other.run("BEGIN IMMEDIATE")
            let verdicts = await sink.deliver(Event.series(1..<3))
            for verdict in verdicts {
                guard case .retry = verdict else {
                    Issue.record("\(verdict)")
                    continue
                }
            }
            try other.run("COMMIT")
            #expect(await sink.deliver(Event.series(1..<3)) == [.delivered, .delivered])
            #expect(try SearchIndex.counts(path: path) == ["zeek": 3])
            await sink.close()
        }
    }
#endif
