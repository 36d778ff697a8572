package import VarvePlatform

/// An event that a search found.
package struct SearchHit: Equatable, Sendable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// The record's, milliseconds since 1970.
    package let timestamp: Int64
    package let key: ByteSlice?
    package let value: ByteSlice?
    /// The part of the event's text where the first of the searched words stands.
    package let snippet: String
}

/// Why a search has no answer.
package enum SearchError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no index at the path: no worker with a `sqlite` sink has run.
    case missing(path: String)
    /// The file is there and cannot be searched; the text says why.
    case failed(String)
    /// This build has no SQLite; build it with the trait SQLite.
    case notBuilt

    package var description: String {
        switch self {
        case .missing(let path): "\(path): there is no search index yet"
        case .failed(let reason): reason
        case .notBuilt: "this build has no search; build it with the trait SQLite"
        }
    }
}

/// The embedded search index, as `varve search` reads it.
///
///     events        id, topic, partition, offset, timestamp (ms), key, value; unique by
///                   (topic, partition, offset). key and value are text, or a blob where the bytes
///                   are no UTF-8
///     events_text   FTS5 over `SearchText.text(of: value)`, by the event's id; it keeps the words
///                   and not the text, which stands in `events` already
package enum SearchIndex {
    /// Finds the newest events that hold `query`, at most `limit`.
    ///
    /// `query` is FTS5's language (`failed AND logon`, `power*`, `"exact words"`); what that
    /// cannot read, such as `10.0.0.5` or `C:\Windows`, is taken as words that must all be there.
    /// Readers and the worker that writes do not wait for each other.
    package static func search(
        path: String, query: String, limit: Int
    ) throws(SearchError) -> [SearchHit] {
        #if VARVE_SQLITE
            let database = try opened(path)
            do throws(SQLiteError) {
                return try hits(database, query, words: words(query), limit)
            } catch {
                // FTS5 tells bad syntax as a plain error (1) when the query first runs.
                guard error.primary == 1 else { throw .failed("\(error)") }
            }
            let plain = words(query).map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }
            guard !plain.isEmpty else { return [] }
            do throws(SQLiteError) {
                return try hits(
                    database, plain.joined(separator: " "), words: words(query), limit)
            } catch {
                throw .failed("\(error)")
            }
        #else
            throw .notBuilt
        #endif
    }

    /// How many events of each topic the index holds.
    package static func counts(path: String) throws(SearchError) -> [String: Int64] {
        #if VARVE_SQLITE
            let database = try opened(path)
            var result: [String: Int64] = [:]
            do throws(SQLiteError) {
                try database.query("SELECT topic, count(*) FROM events GROUP BY topic") { row in
                    result[row.bytes(0)?.string ?? ""] = row.integer(1)
                    return true
                }
            } catch { throw .failed("\(error)") }
            return result
        #else
            throw .notBuilt
        #endif
    }

    /// The words of a query, without FTS5's operators and signs.
    static func words(_ query: String) -> [String] {
        query.split(whereSeparator: \.isWhitespace)
            .filter { !["AND", "OR", "NOT"].contains($0) }
            .map { String($0.filter { !"\"()*^".contains($0) }) }
            .filter { !$0.isEmpty }
    }
}

#if VARVE_SQLITE
    extension SearchIndex {
        /// The tables, made where they are missing. unicode61 splits at everything that is no
        /// letter or digit and folds case and accents.
        static let schema = """
            CREATE TABLE IF NOT EXISTS events(
                id INTEGER PRIMARY KEY,
                topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
                timestamp INTEGER NOT NULL, key, value,
                UNIQUE(topic, partition, offset));
            CREATE VIRTUAL TABLE IF NOT EXISTS events_text
                USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2');
            """
        /// Events of some KiB fill SQLite's usual pages of 4 KiB badly: measured with events of
        /// 2 KB the file is 1.6 times as large, and writing it costs twice the system's time. Still
        /// larger ones gain little, and each commit writes whole pages.
        static let pageBytes = 16 << 10
        /// What a transaction has changed is written at its end, once, up to so much.
        static let cacheKibibytes = 16 << 10

        /// How FTS5 gathers words (sqlite.org/fts5.html, 6.8 and 6.1; "hashsize" stands in its
        /// source): in memory up to the end of the transaction, where 1 MiB is the default, and
        /// eight pieces of the index merged into one, where four is. Searches give the same.
        private static let gathering: [(name: StaticString, value: Int64)] = [
            ("hashsize", 32 << 20), ("automerge", 8),
        ]

        /// Sets how words are gathered; the file remembers it.
        static func configure(_ database: SQLiteDatabase) throws(SQLiteError) {
            for setting in gathering {
                let name = SQLiteDatabase.Value.text(ByteSlice(stringLiteral: setting.name))
                var found: Int64?
                try database.query("SELECT v FROM events_text_config WHERE k = ?", [name]) {
                    found = $0.integer(0)
                    return false
                }
                if found == setting.value { continue }
                try database.query(
                    "INSERT INTO events_text(events_text, rank) VALUES(?, ?)",
                    [name, .integer(setting.value)])
            }
        }

        static let insertEvent = """
            INSERT INTO events(topic, partition, offset, timestamp, key, value)
            VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """
        static let insertText = "INSERT INTO events_text(rowid, text) VALUES(?, ?)"

        private static let select = """
            SELECT topic, partition, offset, timestamp, key, value FROM events
            WHERE id IN (SELECT rowid FROM events_text WHERE events_text MATCH ?
                         ORDER BY rowid DESC LIMIT ?)
            ORDER BY id DESC
            """

        private static func opened(_ path: String) throws(SearchError) -> SQLiteDatabase {
            let isThere: Bool
            do throws(SystemError) {
                isThere = try PosixDisk().entry(path) != nil
            } catch { throw .failed("\(error)") }
            guard isThere else { throw .missing(path: path) }
            do throws(SQLiteError) {
                return try SQLiteDatabase(path: path, readOnly: true)
            } catch { throw .failed("\(error)") }
        }

        private static func hits(
            _ database: SQLiteDatabase, _ query: String, words: [String], _ limit: Int
        ) throws(SQLiteError) -> [SearchHit] {
            var hits: [SearchHit] = []
            try database.query(
                select, [.text(ByteSlice(query)), .integer(Int64(limit))]
            ) { row in
                let value = row.bytes(5)
                hits.append(
                    SearchHit(
                        topic: row.bytes(0)?.string ?? "",
                        partition: Int32(clamping: row.integer(1)), offset: row.integer(2),
                        timestamp: row.integer(3), key: row.bytes(4), value: value,
                        snippet: SearchText.snippet(
                            SearchText.text(of: value).string, words: words, charactersMax: 120)))
                return true
            }
            return hits
        }

        /// Makes the directory that `path` stands in, and those above it, durable each.
        static func makeDirectory(of path: String) throws(SQLiteError) {
            guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return }
            do throws(SystemError) {
                try PosixDisk().createDirectories(String(path[..<slash]))
            } catch {
                // SQLITE_CANTOPEN
                throw SQLiteError(code: 14, text: "\(error)", path: path)
            }
        }
    }
#endif
