/* The bare load generator: Kafka's protocol without a client library, where the client's own cost
 * would hide the broker, or where there are too many clients for one machine.
 *
 *     kafka_wire produce port= topic= connections= bytes= records=   one record in flight on each
 *     kafka_wire stream  port= topic= partitions= bytes= records= seconds= batch= depth=
 *                        one connection, so many batches unanswered, one a request and each to the
 *                        next partition
 *     kafka_wire commits port= topic= groups= seconds=               each group commits each second
 *     kafka_wire hold    port= connections=     prints "held" and lives until it is killed */
#include "stream.h"
#include "wire.h"

#include <poll.h>
#include <sys/epoll.h>

struct connection {
    int socket;
    unsigned char input[4096];
    size_t have;
    uint64_t sent_at;
    uint64_t sum;
    int is_busy;
};

/* Takes what has come; the body of one whole answer behind its correlation id, or NULL. */
static const unsigned char *receive(struct connection *c, size_t *count) {
    ssize_t got = recv(c->socket, c->input + c->have, sizeof c->input - c->have, MSG_DONTWAIT);
    if (got == 0) fail("the broker closed a connection");
    if (got < 0) {
        if (errno == EAGAIN) return NULL;
        fail("recv: %s", strerror(errno));
    }
    c->have += (size_t)got;
    if (c->have < 8) return NULL;
    size_t wanted = (size_t)integer_at(c->input, 4) + 4;
    if (wanted > sizeof c->input || c->have > wanted) fail("an answer that was not expected");
    if (c->have < wanted) return NULL;
    c->have = 0;
    *count = wanted - 8;
    return c->input + 8;
}

static int64_t wall_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static struct connection *open_connections(int count, int poller) {
    struct connection *all = calloc((size_t)count, sizeof *all);
    if (!all) fail("out of memory");
    for (int i = 0; i < count; i++) {
        all[i].socket = connect_server();
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(poller, EPOLL_CTL_ADD, all[i].socket, &event);
    }
    return all;
}

/* The error code behind the names of a Produce (3) or OffsetCommit (2) answer for one partition. */
static int error_of(const unsigned char *body, size_t count) {
    if (count < 6) fail("an answer cut short");
    size_t name = (size_t)integer_at(body + 4, 2);
    size_t at = 4 + 2 + name + 4 + 4;
    if (count < at + 2) fail("an answer cut short");
    return (int)integer_at(body + at, 2);
}

static void produce(void) {
    int connections = (int)number_option("connections", 1);
    size_t bytes = (size_t)number_option("bytes", 100);
    uint64_t records = (uint64_t)number_option("records", 1000), sent = 0;
    const char *topic = text_option("topic", "bench");
    make_pool(NULL);
    int poller = epoll_create1(0);
    struct connection *all = open_connections(connections, poller);
    struct message request = {0};
    struct produce batch = {0};
    struct figures f = {0};
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    for (int i = 0; i < connections; i++) all[i].have = 0;
    struct epoll_event events[64];
    int next = 0;
    while (f.records + f.errors < records) {
        int count = next < connections ? 1 : epoll_wait(poller, events, 64, 10000);
        if (count == 0) fail("no acknowledgement for 10 s");
        for (int i = 0; i < count; i++) {
            struct connection *c = next < connections ? &all[next++] : events[i].data.ptr;
            if (c->is_busy) {
                size_t size;
                const unsigned char *body = receive(c, &size);
                if (!body) continue;
                note_latency(&f.latencies, now_ns() - c->sent_at);
                if (error_of(body, size)) {
                    f.errors++;
                } else {
                    f.records++;
                    f.bytes += bytes;
                    f.sum += c->sum;
                }
            }
            c->is_busy = 0;
            if (sent == records) continue;
            unsigned char *event = make_event(sent++, &bytes);
            c->sum = event_sum(event, bytes);
            begin_produce(&request, &batch, topic, 0, (int32_t)sent, 1, wall_ms());
            put_record(&request, &batch, 0, event, bytes);
            end_produce(&request, &batch);
            c->sent_at = now_ns();
            c->is_busy = 1;
            send_bytes(c->socket, request.bytes, request.count);
        }
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

/* The body of the next answer behind its correlation id, good until the next call. */
static const unsigned char *read_answer(struct stream *s, size_t *count) {
    while (s->end - s->at < 4) read_more(s);
    size_t length = (size_t)integer_at((unsigned char *)s->input + s->at, 4);
    if (length < 4 || length > STREAM_BYTES / 4) fail("an answer of %zu bytes", length);
    while (s->end - s->at < length + 4) read_more(s);
    unsigned char *body = (unsigned char *)s->input + s->at + 8;
    s->at += length + 4;
    *count = length - 4;
    return body;
}

static void stream(void) {
    uint64_t records = (uint64_t)number_option("records", 100000), sent = 0, answered = 0;
    uint64_t depth = (uint64_t)number_option("depth", 1000);
    int partitions = (int)number_option("partitions", 1);
    int32_t per_batch = (int32_t)number_option("batch", 10);
    uint64_t batches = records / (uint64_t)per_batch;
    size_t bytes = (size_t)number_option("bytes", 100), size;
    const char *topic = text_option("topic", "bench");
    uint64_t *sent_at = calloc(depth, sizeof *sent_at), *sums = calloc(depth, sizeof *sums);
    if (!sent_at || !sums) fail("out of memory");
    make_pool(NULL);
    struct stream s;
    open_stream(&s);
    struct message request = {0};
    struct produce batch = {0};
    struct figures f = {0};
    uint64_t start = now_ns();
    uint64_t end = start + (uint64_t)number_option("seconds", 3600) * 1000000000u;
    double cpu = cpu_seconds();
    while (answered < sent || (sent < batches && now_ns() < end)) {
        while (sent < batches && sent - answered < depth && now_ns() < end) {
            begin_produce(&request, &batch, topic, (int)(sent % (uint64_t)partitions),
                          (int32_t)sent, per_batch, wall_ms());
            uint64_t sum = 0;
            for (int32_t i = 0; i < per_batch; i++) {
                unsigned char *event = make_event(sent * (uint64_t)per_batch + (uint64_t)i, &bytes);
                sum += event_sum(event, bytes);
                put_record(&request, &batch, i, event, bytes);
            }
            end_produce(&request, &batch);
            write_bytes(&s, request.bytes, request.count);
            sums[sent % depth] = sum;
            sent_at[sent++ % depth] = now_ns();
        }
        flush_stream(&s);
        /* Half of what is under way, so that the broker always has work. */
        for (uint64_t least = (sent - answered + 1) / 2; least; least--) {
            const unsigned char *body = read_answer(&s, &size);
            if (error_of(body, size)) {
                f.errors += (uint64_t)per_batch;
            } else {
                f.records += (uint64_t)per_batch;
                f.bytes += bytes * (uint64_t)per_batch;
                f.sum += sums[answered % depth];
            }
            note_latency(&f.latencies, now_ns() - sent_at[answered % depth]);
            answered++;
        }
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

/* Each group's turn comes once a second; a late answer delays nobody else's turn. */
static void commits(void) {
    int groups = (int)number_option("groups", 1000);
    uint64_t seconds = (uint64_t)number_option("seconds", 3);
    const char *topic = text_option("topic", "bench");
    int poller = epoll_create1(0);
    /* One connection for each group, as its members have. */
    struct connection *all = open_connections(groups, poller);
    struct message request = {0};
    struct figures f = {0};
    uint64_t start = now_ns(), end = start + seconds * 1000000000u, turn = 0, waiting = 0;
    uint64_t pace = 1000000000u / (uint64_t)groups, turns = seconds * (uint64_t)groups;
    double cpu = cpu_seconds();
    char name[64];
    struct epoll_event events[64];
    while (turn < turns || waiting) {
        uint64_t now = now_ns();
        while (turn < turns && start + turn * pace <= now) {
            struct connection *c = &all[turn % (uint64_t)groups];
            if (c->is_busy) fail("a commit took longer than a second");
            snprintf(name, sizeof name, "varve-bench-%d", (int)(turn % (uint64_t)groups));
            make_commit(&request, name, topic, (int32_t)turn, (int64_t)(turn / (uint64_t)groups));
            c->sent_at = start + turn * pace;
            c->is_busy = 1;
            send_bytes(c->socket, request.bytes, request.count);
            waiting++;
            turn++;
        }
        /* Sleeps until the next turn: the broker needs the processor more. */
        uint64_t next = start + turn * pace, before = now_ns();
        struct timespec sleep = {0};
        if (turn < turns && next > before) sleep.tv_nsec = (long)(next - before);
        if (turn == turns) sleep.tv_nsec = 1000000;
        int count = epoll_pwait2(poller, events, 64, &sleep, NULL);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            size_t size;
            const unsigned char *body = receive(c, &size);
            if (!body) continue;
            note_latency(&f.latencies, now_ns() - c->sent_at);
            c->is_busy = 0;
            waiting--;
            if (error_of(body, size)) f.errors++;
            else f.records++;
        }
        if (now_ns() > end + 20000000000u) fail("commits were not answered for 20 s");
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

static void hold(void) {
    int connections = (int)number_option("connections", 1000);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct message request = {0};
    begin_request(&request, 18, 0, 1); /* ApiVersions */
    end_request(&request);
    for (int i = 0; i < connections; i++) {
        int made = connect_server();
        send_bytes(made, request.bytes, request.count);
        unsigned char answer[4096];
        if (recv(made, answer, sizeof answer, 0) <= 0) fail("connection %d was not answered", i);
    }
    puts("held");
    fflush(stdout);
    while (1) pause();
}

int main(int count, char **words) {
    if (count < 2) fail("usage: kafka_wire produce|stream|commits|hold name=value ...");
    take_options(count - 2, words + 2);
    if (!strcmp(words[1], "produce")) produce();
    else if (!strcmp(words[1], "stream")) stream();
    else if (!strcmp(words[1], "commits")) commits();
    else if (!strcmp(words[1], "hold")) hold();
    else fail("there is no load %s", words[1]);
}
