#if VARVE_SQLITE
    internal import VarvePlatform

    /// Delivers into the embedded search index: one SQLite database with full text search (FTS5).
    ///
    /// A batch is one transaction. Topic, partition and offset are unique, so that a redelivery
    /// changes nothing (D4). Write-ahead log with `synchronous=FULL`: a commit that returned
    /// survives a power cut, which in this mode NORMAL does not promise
    /// (sqlite.org/pragma.html#pragma_synchronous).
    package final class SQLiteSink: Sink {
        private let path: String
        private let work = BlockingWork("sqlite")
        /// Only touched on `work`.
        private let database = Confined<SQLiteDatabase?>(nil)

        package init(_ configuration: SQLiteConfiguration) { path = configuration.path }

        package func deliver(_ batch: [Event]) async -> [Verdict] {
            await work.run { [self] in
                do throws(SQLiteError) {
                    return try insert(batch, into: try opened())
                } catch {
                    // Whatever it was: the next try starts from a fresh connection.
                    database.value = nil
                    let verdict: Verdict =
                        error.needsPerson ? .pause("\(error)") : .retry("\(error)")
                    return batch.map { _ in verdict }
                }
            }
        }

        package func close() async { await work.run { [database] in database.value = nil } }

        private func opened() throws(SQLiteError) -> SQLiteDatabase {
            if let database = database.value { return database }
            try SearchIndex.makeDirectory(of: path)
            let new = try SQLiteDatabase(path: path, readOnly: false)
            // The page size counts for a new file only, and only before the journal mode.
            try new.run("PRAGMA page_size=\(SearchIndex.pageBytes);")
            try new.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
            try new.run("PRAGMA cache_size=-\(SearchIndex.cacheKibibytes);")
            try new.run(SearchIndex.schema)
            try SearchIndex.configure(new)
            database.value = new
            return new
        }

        private func insert(
            _ batch: [Event], into database: SQLiteDatabase
        ) throws(SQLiteError) -> [Verdict] {
            var verdicts: [Verdict] = []
            verdicts.reserveCapacity(batch.count)
            // IMMEDIATE takes the write lock at once; a later upgrade could fail half way.
            try database.run("BEGIN IMMEDIATE")
            do throws(SQLiteError) {
                for event in batch { verdicts.append(try insert(event, into: database)) }
                try database.run("COMMIT")
            } catch {
                // Some errors have rolled back already (sqlite.org/lang_transaction.html); then
                // this one says so, and closing the connection does the same once more.
                do throws(SQLiteError) { try database.run("ROLLBACK") } catch {}
                throw error
            }
            return verdicts
        }

        private func insert(
            _ event: Event, into database: SQLiteDatabase
        ) throws(SQLiteError) -> Verdict {
            do throws(SQLiteError) {
                try database.query(
                    SearchIndex.insertEvent,
                    [
                        .text(ByteSlice(event.topic)), .integer(Int64(event.partition)),
                        .integer(event.offset), .integer(event.timestamp), stored(event.key),
                        stored(event.value),
                    ])
                guard database.changes == 1 else { return .delivered }
                try database.query(
                    SearchIndex.insertText,
                    [.integer(database.lastRow), .text(SearchText.text(of: event.value))])
                return .delivered
            } catch where error.isTooBig {
                // sqlite.org/limits.html: a string or blob of more than 1 000 000 000 bytes.
                return .deadLetter("\(error)")
            }
        }

        /// Text where the bytes are text, so that the `sqlite3` tool shows them; else a blob.
        private func stored(_ bytes: ByteSlice?) -> SQLiteDatabase.Value {
            guard let bytes else { return .null }
            return bytes.isUTF8 ? .text(bytes) : .blob(bytes)
        }
    }
#endif
