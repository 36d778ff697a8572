#if VARVE_SQLITE
    internal import CSQLite
    package import VarvePlatform

    /// What SQLite answered.
    package struct SQLiteError: Error, Equatable, Sendable, CustomStringConvertible {
        /// SQLite's extended result code (sqlite.org/rescode.html).
        package let code: Int32
        package let text: String
        package let path: String

        /// The primary result code: the low eight bits.
        package var primary: Int32 { code & 0xFF }
        package var description: String { "\(path): \(text) (SQLite \(code))" }

        /// The one value that is too large for SQLite, whatever else is changed.
        var isTooBig: Bool { primary == SQLITE_TOOBIG }
        /// Only a person can help: not a database, damaged, not ours to write.
        var needsPerson: Bool {
            [
                SQLITE_NOTADB, SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM,
                SQLITE_AUTH, SQLITE_ERROR, SQLITE_SCHEMA, SQLITE_MISMATCH,
            ].contains(primary)
        }
    }

    /// An open SQLite database and its prepared statements. One thread at a time.
    package final class SQLiteDatabase {
        private let handle: OpaquePointer
        private let path: String
        private var statements: [String: OpaquePointer] = [:]

        /// Opens the database file, making it unless `readOnly`.
        package init(path: String, readOnly: Bool) throws(SQLiteError) {
            var handle: OpaquePointer?
            let flags =
                readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            let code = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, nil)
            guard let handle, code == SQLITE_OK else {
                let text = String(cString: sqlite3_errstr(code))
                sqlite3_close_v2(handle)
                throw SQLiteError(code: code, text: text, path: path)
            }
            self.handle = handle
            self.path = path
            sqlite3_extended_result_codes(handle, 1)
            // Readers and a second writer wait for each other so long before they are told BUSY.
            sqlite3_busy_timeout(handle, 5000)
        }

        deinit {
            for statement in statements.values { sqlite3_finalize(statement) }
            sqlite3_close_v2(handle)
        }

        /// A value bound to a statement's parameter.
        package enum Value {
            case null
            case integer(Int64)
            case text(ByteSlice)
            case blob(ByteSlice)
        }

        /// One row of an answer; good only inside the call that hands it out.
        package struct Row {
            fileprivate let statement: OpaquePointer

            package func integer(_ column: Int32) -> Int64 {
                sqlite3_column_int64(statement, column)
            }

            /// A copy of a text's or blob's bytes; nil for NULL.
            package func bytes(_ column: Int32) -> ByteSlice? {
                guard sqlite3_column_type(statement, column) != SQLITE_NULL else { return nil }
                let base = sqlite3_column_blob(statement, column)
                let count = Int(sqlite3_column_bytes(statement, column))
                return ByteSlice(copying: UnsafeRawBufferPointer(start: base, count: count))
            }
        }

        /// Runs statements that take no parameters and return nothing.
        package func run(_ statements: String) throws(SQLiteError) {
            try check(sqlite3_exec(handle, statements, nil, nil, nil))
        }

        /// Runs one statement, which is prepared once and kept, and gives `body` its rows until it
        /// returns false.
        package func query(
            _ text: String, _ values: [Value] = [], _ body: (Row) -> Bool = { _ in true }
        ) throws(SQLiteError) {
            let statement = try prepared(text)
            defer {
                sqlite3_reset(statement)
                sqlite3_clear_bindings(statement)
            }
            try withExtendedLifetime(values) { () throws(SQLiteError) in
                for (index, value) in values.enumerated() {
                    try bind(statement, Int32(index + 1), value)
                }
                while true {
                    let code = sqlite3_step(statement)
                    if code == SQLITE_DONE { return }
                    guard code == SQLITE_ROW else { throw failure(code) }
                    guard body(Row(statement: statement)) else { return }
                }
            }
        }

        /// Rows that the last statement inserted, changed or deleted.
        package var changes: Int { Int(sqlite3_changes(handle)) }
        package var lastRow: Int64 { sqlite3_last_insert_rowid(handle) }

        private func prepared(_ text: String) throws(SQLiteError) -> OpaquePointer {
            if let statement = statements[text] { return statement }
            var statement: OpaquePointer?
            try check(sqlite3_prepare_v2(handle, text, -1, &statement, nil))
            guard let statement else { preconditionFailure("an empty statement: \(text)") }
            statements[text] = statement
            return statement
        }

        private func bind(
            _ statement: OpaquePointer, _ index: Int32, _ value: Value
        ) throws(SQLiteError) {
            // SQLite reads the bytes where they are (SQLITE_STATIC, a null destructor): `query`
            // keeps them until the bindings are cleared, and a slice's memory never moves.
            let code =
                switch value {
                case .null: sqlite3_bind_null(statement, index)
                case .integer(let number): sqlite3_bind_int64(statement, index, number)
                case .text(let bytes):
                    bytes.withUnsafeBytes {
                        sqlite3_bind_text64(
                            statement, index,
                            $0.baseAddress?.assumingMemoryBound(to: CChar.self) ?? Self.empty,
                            UInt64($0.count), nil, UInt8(SQLITE_UTF8))
                    }
                case .blob(let bytes):
                    bytes.withUnsafeBytes {
                        sqlite3_bind_blob64(
                            statement, index, $0.baseAddress ?? UnsafeRawPointer(Self.empty),
                            UInt64($0.count), nil)
                    }
                }
            try check(code)
        }

        /// A null pointer would bind NULL where empty text is meant.
        nonisolated(unsafe) private static let empty: UnsafePointer<CChar> = {
            let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
            pointer.pointee = 0
            return UnsafePointer(pointer)
        }()

        private func check(_ code: Int32) throws(SQLiteError) {
            guard code == SQLITE_OK else { throw failure(code) }
        }

        private func failure(_ code: Int32) -> SQLiteError {
            SQLiteError(code: code, text: String(cString: sqlite3_errmsg(handle)), path: path)
        }
    }
#endif
