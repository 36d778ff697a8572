/* Producing through a stream with so many events unanswered. */
#ifndef VARVE_BENCH_PIPELINE_H
#define VARVE_BENCH_PIPELINE_H

#include "stream.h"

/* Produces as the options topic, records, bytes, seconds and depth say, and prints the figures.
 * `publish` writes one event, `expect` reads the answer to the oldest. */
static inline void produce_pipelined(
    struct stream *s, void (*publish)(const char *topic, const unsigned char *event, size_t bytes),
    void (*expect)(void)) {
    uint64_t records = (uint64_t)number_option("records", 100000), sent = 0;
    size_t bytes = (size_t)number_option("bytes", 1024);
    uint64_t depth = (uint64_t)number_option("depth", 1000);
    uint64_t *sent_at = calloc(depth, sizeof *sent_at);
    const char *topic = text_option("topic", "bench");
    make_pool(NULL);
    struct figures f = {0};
    uint64_t start = now_ns();
    uint64_t end = start + (uint64_t)number_option("seconds", 3600) * 1000000000u;
    double cpu = cpu_seconds();
    while (f.records < sent || (sent < records && now_ns() < end)) {
        while (sent < records && sent - f.records < depth && now_ns() < end) {
            unsigned char *event = make_event(sent, &bytes);
            f.sum += event_sum(event, bytes);
            publish(topic, event, bytes);
            sent_at[sent++ % depth] = now_ns();
        }
        flush_stream(s);
        /* Half of what is under way, so that the server always has work. */
        for (uint64_t least = (sent - f.records + 1) / 2; least; least--) {
            expect();
            note_latency(&f.latencies, now_ns() - sent_at[f.records % depth]);
            f.records++;
            f.bytes += bytes;
        }
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

#endif
