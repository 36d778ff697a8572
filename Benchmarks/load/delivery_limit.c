/* What the libraries under a delivery need for its events, with nothing around them: the bound of
 * what a sink can do on one core.
 *
 *     delivery_limit lz4    lines= records= batch=          decompressed and compressed again, in
 *                                                           frames of `batch` events
 *     delivery_limit sqlite lines= records= batch= file=    rows and words of the search index, a
 *                                                           transaction for each `batch` events
 *
 * Needs Debian's liblz4-dev and libsqlite3-dev. */
#include "bench.h"

#include <lz4frame.h>
#include <sqlite3.h>

/* ---- LZ4, in the blocks that the archive has ---- */

static void lz4(void) {
    uint64_t records = (uint64_t)number_option("records", 60000);
    uint64_t batch = (uint64_t)number_option("batch", 5000);
    LZ4F_preferences_t form = {.frameInfo = {.blockSizeID = LZ4F_max64KB,
                                             .blockMode = LZ4F_blockIndependent}};
    struct figures f = {0};
    char *text = NULL, *frame = NULL;
    size_t room = 0;
    while (f.records < records) {
        size_t count = 0;
        uint64_t end = f.records + batch < records ? f.records + batch : records;
        for (uint64_t number = f.records; number < end; number++) {
            size_t bytes = (size_t)number_option("bytes", 2300);
            unsigned char *event = make_event(number, &bytes);
            if (count + bytes + 1 > room) {
                room = (room + bytes) * 2;
                text = realloc(text, room);
                frame = realloc(frame, LZ4F_compressFrameBound(room, &form));
                if (!text || !frame) fail("out of memory");
            }
            memcpy(text + count, event, bytes);
            text[count + bytes] = '\n';
            count += bytes + 1;
            f.bytes += bytes;
        }
        size_t bound = LZ4F_compressFrameBound(count, &form), plain = room, packed;
        if (!f.records) LZ4F_compressFrame(frame, bound, text, count, &form); /* Touches memory. */
        double cpu = cpu_seconds();
        packed = LZ4F_compressFrame(frame, bound, text, count, &form);
        if (LZ4F_isError(packed)) fail("LZ4: %s", LZ4F_getErrorName(packed));
        LZ4F_dctx *context;
        LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
        size_t code = LZ4F_decompress(context, text, &plain, frame, &packed, NULL);
        f.cpu += cpu_seconds() - cpu;
        if (code || plain != count) fail("LZ4: %zu of %zu bytes came back", plain, count);
        LZ4F_freeDecompressionContext(context);
        f.records = end;
    }
    f.seconds = f.cpu;
    print_figures(&f);
}

/* ---- SQLite, with the tables and settings of the search index ---- */

static sqlite3 *database;

static void run(const char *statements) {
    char *reason = NULL;
    if (sqlite3_exec(database, statements, NULL, NULL, &reason)) fail("%s: %s", statements, reason);
}

static sqlite3_stmt *prepare(const char *text) {
    sqlite3_stmt *made = NULL;
    if (sqlite3_prepare_v2(database, text, -1, &made, NULL))
        fail("%s: %s", text, sqlite3_errmsg(database));
    return made;
}

/* The strings and numbers of a line of valid JSON, a line each, names of members left out. */
static size_t words(const unsigned char *line, size_t count, char *out) {
    size_t written = 0;
    for (size_t at = 0; at < count;) {
        if (line[at] == '"') {
            size_t start = written, from = ++at;
            for (; at < count && line[at] != '"'; at++)
                if (line[at] == '\\' && at + 1 < count) {
                    memcpy(out + written, line + from, at - from);
                    written += at - from;
                    unsigned char letter = line[++at];
                    out[written++] = letter == 'n' ? '\n' : letter == 't' ? '\t' : (char)letter;
                    from = at + 1;
                }
            memcpy(out + written, line + from, at - from);
            written += at - from;
            if (++at < count && line[at] == ':') written = start;
            else out[written++] = '\n';
        } else if (line[at] == '-' || (line[at] >= '0' && line[at] <= '9')) {
            while (at < count && line[at] != ',' && line[at] != '}' && line[at] != ']')
                out[written++] = (char)line[at++];
            out[written++] = '\n';
        } else {
            at++;
        }
    }
    return written;
}

static void sqlite(void) {
    uint64_t records = (uint64_t)number_option("records", 60000);
    uint64_t batch = (uint64_t)number_option("batch", 5000);
    const char *file = text_option("file", "limit.sqlite");
    if (!line_count) fail("events of JSON are needed: lines=FILE");
    /* Every line's words, made before the clock runs. */
    char **texts = malloc(line_count * sizeof *texts);
    size_t *counts = malloc(line_count * sizeof *counts);
    if (!texts || !counts) fail("out of memory");
    for (size_t i = 0; i < line_count; i++) {
        size_t bytes = 0;
        unsigned char *event = make_event(i, &bytes);
        if (!(texts[i] = malloc(bytes + 1))) fail("out of memory");
        counts[i] = words(event, bytes, texts[i]);
    }
    if (sqlite3_open(file, &database)) fail("%s: %s", file, sqlite3_errmsg(database));
    run("PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "PRAGMA cache_size=-16384;"
        "CREATE TABLE events(id INTEGER PRIMARY KEY, topic TEXT NOT NULL,"
        " partition INTEGER NOT NULL, offset INTEGER NOT NULL, timestamp INTEGER NOT NULL,"
        " key, value, UNIQUE(topic, partition, offset));"
        "CREATE VIRTUAL TABLE events_text USING fts5(text, content='',"
        " tokenize='unicode61 remove_diacritics 2');"
        "INSERT INTO events_text(events_text, rank) VALUES('hashsize', 33554432);"
        "INSERT INTO events_text(events_text, rank) VALUES('automerge', 8);");
    sqlite3_stmt *row = prepare("INSERT INTO events(topic, partition, offset, timestamp, value)"
                                " VALUES('bench', ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    sqlite3_stmt *text = prepare("INSERT INTO events_text(rowid, text) VALUES(?, ?)");
    struct figures f = {0};
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    for (; f.records < records; f.records++) {
        size_t bytes = 0, line = (size_t)(f.records % line_count);
        unsigned char *event = make_event(f.records, &bytes);
        if (f.records % batch == 0) run("BEGIN IMMEDIATE");
        sqlite3_bind_int64(row, 1, (sqlite3_int64)(f.records / 100 % 4));
        sqlite3_bind_int64(row, 2, (sqlite3_int64)f.records);
        sqlite3_bind_int64(row, 3, 1767225600000 + (sqlite3_int64)f.records);
        sqlite3_bind_text(row, 4, (char *)event, (int)bytes, SQLITE_STATIC);
        sqlite3_bind_int64(text, 1, (sqlite3_int64)f.records + 1);
        sqlite3_bind_text(text, 2, texts[line], (int)counts[line], SQLITE_STATIC);
        if (sqlite3_step(row) != SQLITE_DONE || sqlite3_step(text) != SQLITE_DONE)
            fail("%s", sqlite3_errmsg(database));
        sqlite3_reset(row);
        sqlite3_reset(text);
        f.bytes += bytes;
        if (f.records % batch == batch - 1 || f.records == records - 1) run("COMMIT");
    }
    f.cpu = cpu_seconds() - cpu;
    f.seconds = (double)(now_ns() - start) / 1e9;
    sqlite3_finalize(row);
    sqlite3_finalize(text);
    sqlite3_close(database);
    print_figures(&f);
}

int main(int count, char **arguments) {
    if (count < 2) fail("usage: delivery_limit lz4|sqlite name=value ...");
    take_options(count - 2, arguments + 2);
    make_pool(text_option("lines", NULL));
    if (!strcmp(arguments[1], "lz4")) {
        lz4();
    } else if (!strcmp(arguments[1], "sqlite")) {
        sqlite();
    } else {
        fail("there is no limit %s", arguments[1]);
    }
}
