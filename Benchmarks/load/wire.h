/* The few Kafka requests that the bare load generator sends, as bytes. */
#ifndef VARVE_BENCH_WIRE_H
#define VARVE_BENCH_WIRE_H

#include "bench.h"

struct message {
    unsigned char *bytes;
    size_t count, room;
};

static inline void put(struct message *m, const void *bytes, size_t count) {
    if (m->count + count > m->room) {
        m->room = (m->count + count) * 2;
        m->bytes = realloc(m->bytes, m->room);
        if (!m->bytes) fail("out of memory");
    }
    memcpy(m->bytes + m->count, bytes, count);
    m->count += count;
}

/* Big-endian, as all of Kafka's protocol. */
static inline void put_integer(struct message *m, int bytes, int64_t value) {
    unsigned char big[8];
    for (int i = 0; i < bytes; i++)
        big[i] = (unsigned char)((uint64_t)value >> 8 * (bytes - 1 - i));
    put(m, big, (size_t)bytes);
}

static inline void put_string(struct message *m, const char *text) {
    put_integer(m, 2, (int64_t)strlen(text));
    put(m, text, strlen(text));
}

static inline void put_varint(struct message *m, int64_t value) {
    uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    unsigned char byte;
    do {
        byte = zigzag & 0x7F;
        zigzag >>= 7;
        if (zigzag) byte |= 0x80;
        put(m, &byte, 1);
    } while (zigzag);
}

static inline void overwrite(struct message *m, size_t at, int bytes, int64_t value) {
    for (int i = 0; i < bytes; i++)
        m->bytes[at + (size_t)i] = (unsigned char)((uint64_t)value >> 8 * (bytes - 1 - i));
}

static inline int64_t integer_at(const unsigned char *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
    return count == 8 ? (int64_t)value : (int64_t)(value << (64 - 8 * count)) >> (64 - 8 * count);
}

/* CRC-32C, bit-reflected polynomial 0x82F63B78 (RFC 3720, appendix B.4). */
static inline uint32_t crc32c(const unsigned char *bytes, size_t count) {
    static uint32_t table[256];
    if (!table[1])
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
            table[i] = c;
        }
    uint32_t crc = ~0u;
    for (size_t i = 0; i < count; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xFF];
    return ~crc;
}

/* Begins a request: the length is set by `end_request`. */
static inline void begin_request(struct message *m, int api, int version, int32_t correlation) {
    m->count = 0;
    put_integer(m, 4, 0);
    put_integer(m, 2, api);
    put_integer(m, 2, version);
    put_integer(m, 4, correlation);
    put_string(m, "varve-bench");
}

static inline void end_request(struct message *m) {
    overwrite(m, 0, 4, (int64_t)m->count - 4);
}

/* A Produce request under way: where what is known at the end goes. */
struct produce {
    size_t length_at, batch;
    struct message record;
};

/* Begins a Produce request, version 3, acks=all, with one batch of `count` records. */
static inline void begin_produce(struct message *m, struct produce *p, const char *topic,
                                 int partition, int32_t correlation, int32_t count,
                                 int64_t wall_ms) {
    begin_request(m, 0, 3, correlation);
    put_integer(m, 2, -1);    /* no transactional id */
    put_integer(m, 2, -1);    /* acks */
    put_integer(m, 4, 30000); /* timeout, ms */
    put_integer(m, 4, 1);
    put_string(m, topic);
    put_integer(m, 4, 1);
    put_integer(m, 4, partition);
    p->length_at = m->count;
    put_integer(m, 4, 0);
    p->batch = m->count;
    put_integer(m, 8, 0);         /* base offset */
    put_integer(m, 4, 0);         /* length */
    put_integer(m, 4, -1);        /* leader epoch */
    put_integer(m, 1, 2);         /* magic */
    put_integer(m, 4, 0);         /* checksum */
    put_integer(m, 2, 0);         /* attributes */
    put_integer(m, 4, count - 1); /* last offset delta */
    put_integer(m, 8, wall_ms);
    put_integer(m, 8, wall_ms);
    put_integer(m, 8, -1); /* no producer id, epoch, sequence */
    put_integer(m, 2, -1);
    put_integer(m, 4, -1);
    put_integer(m, 4, count);
}

static inline void put_record(struct message *m, struct produce *p, int32_t number,
                              const void *value, size_t bytes) {
    struct message *record = &p->record;
    record->count = 0;
    put_integer(record, 1, 0);
    put_varint(record, 0);
    put_varint(record, number);
    put_varint(record, -1);
    put_varint(record, (int64_t)bytes);
    put(record, value, bytes);
    put_varint(record, 0);
    put_varint(m, (int64_t)record->count);
    put(m, record->bytes, record->count);
}

static inline void end_produce(struct message *m, const struct produce *p) {
    size_t checked = p->batch + 21;
    overwrite(m, p->batch + 8, 4, (int64_t)(m->count - p->batch - 12));
    overwrite(m, checked - 4, 4, crc32c(m->bytes + checked, m->count - checked));
    overwrite(m, p->length_at, 4, (int64_t)(m->count - p->length_at - 4));
    end_request(m);
}

/* An OffsetCommit request, version 2, from outside the group's membership. */
static inline void make_commit(struct message *m, const char *group, const char *topic,
                               int32_t correlation, int64_t offset) {
    begin_request(m, 8, 2, correlation);
    put_string(m, group);
    put_integer(m, 4, -1); /* generation */
    put_string(m, "");     /* member */
    put_integer(m, 8, -1); /* retention: the broker's */
    put_integer(m, 4, 1);
    put_string(m, topic);
    put_integer(m, 4, 1);
    put_integer(m, 4, 0);
    put_integer(m, 8, offset);
    put_string(m, "");
    end_request(m);
}

#endif
