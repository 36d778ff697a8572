/* What the load programs share: clocks, latencies, the events they send, and the line of JSON that
 * each prints at its end for varve-bench to read. */
#ifndef VARVE_BENCH_H
#define VARVE_BENCH_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Ends the program with a message for a person. */
static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* Nanoseconds that never go back. */
static inline uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* CPU seconds of this process so far, user and system. */
static inline double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- Options: name=value words behind the verb. ---- */

static int option_count;
static char **option_words;

static inline void take_options(int count, char **words) {
    option_count = count;
    option_words = words;
}

static inline const char *text_option(const char *name, const char *otherwise) {
    size_t length = strlen(name);
    for (int i = 0; i < option_count; i++)
        if (!strncmp(option_words[i], name, length) && option_words[i][length] == '=')
            return option_words[i] + length + 1;
    return otherwise;
}

static inline long long number_option(const char *name, long long otherwise) {
    const char *text = text_option(name, NULL);
    return text ? atoll(text) : otherwise;
}

/* ---- Latencies ---- */

struct latencies {
    uint64_t *nanoseconds;
    size_t count, room;
};

static inline void note_latency(struct latencies *all, uint64_t nanoseconds) {
    if (all->count == all->room) {
        all->room = all->room ? all->room * 2 : 4096;
        all->nanoseconds = realloc(all->nanoseconds, all->room * sizeof *all->nanoseconds);
        if (!all->nanoseconds) fail("out of memory");
    }
    all->nanoseconds[all->count++] = nanoseconds;
}

static inline int compare_latencies(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* The value below which that part of all lies, in milliseconds; `all` is sorted. */
static inline double quantile(const struct latencies *all, double part) {
    if (!all->count) return 0;
    size_t at = (size_t)(part * (double)all->count);
    if (at >= all->count) at = all->count - 1;
    return (double)all->nanoseconds[at] / 1e6;
}

/* ---- The events ---- */

/* Events hold their number and the time they were made, then bytes that do not compress; or they
 * are the lines of a file, one after another. */
enum { EVENT_HEAD = 16, POOL_BYTES = 1 << 20, LINES_BYTES_MAX = 1 << 26 };
static unsigned char *event_pool;
static size_t *line_starts, line_count;

static inline void make_pool(const char *lines_file) {
    event_pool = malloc(lines_file ? LINES_BYTES_MAX : POOL_BYTES);
    if (!event_pool) fail("out of memory");
    if (!lines_file) {
        uint64_t state = 0x9E3779B97F4A7C15u;
        for (size_t i = 0; i < POOL_BYTES; i += 8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            memcpy(event_pool + i, &state, 8);
        }
        return;
    }
    FILE *file = fopen(lines_file, "rb");
    if (!file) fail("%s: %s", lines_file, strerror(errno));
    size_t bytes = fread(event_pool, 1, LINES_BYTES_MAX, file);
    fclose(file);
    line_starts = malloc((bytes + 1) * sizeof *line_starts);
    if (!line_starts) fail("out of memory");
    line_starts[0] = 0;
    for (size_t i = 0; i < bytes; i++)
        if (event_pool[i] == '\n') line_starts[++line_count] = i + 1;
    if (!line_count) fail("%s has no lines", lines_file);
}

/* Event `number`, good until the next call; `bytes` says how long it shall be, and then is. */
static inline unsigned char *make_event(uint64_t number, size_t *bytes) {
    if (line_count) {
        size_t line = (size_t)(number % line_count);
        *bytes = line_starts[line + 1] - line_starts[line] - 1;
        return event_pool + line_starts[line];
    }
    size_t place = (size_t)(number * 4129 % (POOL_BYTES - *bytes));
    unsigned char *event = event_pool + (place & ~(size_t)7);
    if (*bytes >= EVENT_HEAD) {
        uint64_t made = now_ns();
        memcpy(event, &number, 8);
        memcpy(event + 8, &made, 8);
    }
    return event;
}

/* A number that any changed, moved or missing byte of the event changes. The sum of all events'
 * numbers says whether what was read is what was sent, in whatever order. */
static inline uint64_t event_sum(const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t a = count * 0x9E3779B97F4A7C15u, b = 0, lane;
    for (; count >= 8; at += 8, count -= 8) {
        memcpy(&lane, at, 8);
        a += lane;
        b += a;
    }
    lane = 0;
    memcpy(&lane, at, count);
    a += lane;
    b += a;
    uint64_t mixed = b ^ (a << 32 | a >> 32);
    mixed *= 0xFF51AFD7ED558CCDu;
    return mixed ^ mixed >> 33;
}

/* ---- The report ---- */

/* One run's figures. */
struct figures {
    uint64_t records, bytes, sum, errors;
    double seconds, cpu;
    struct latencies latencies;
};

static inline void print_figures(struct figures *f) {
    qsort(f->latencies.nanoseconds, f->latencies.count, sizeof(uint64_t), compare_latencies);
    printf("{\"records\":%llu,\"bytes\":%llu,\"sum\":\"%016llx\",\"errors\":%llu,"
           "\"seconds\":%.6f,\"clientCPU\":%.3f,\"samples\":%zu,"
           "\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f}\n",
           (unsigned long long)f->records, (unsigned long long)f->bytes,
           (unsigned long long)f->sum, (unsigned long long)f->errors, f->seconds, f->cpu,
           f->latencies.count, quantile(&f->latencies, 0.5), quantile(&f->latencies, 0.99),
           quantile(&f->latencies, 0.999));
    fflush(stdout);
}

#endif
