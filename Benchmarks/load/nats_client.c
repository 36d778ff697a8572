/* NATS JetStream, file storage: publishes with so many unacknowledged, reads by a push consumer.
 *
 *     nats_client produce port= topic= bytes= records= seconds= depth=
 *     nats_client consume port= topic= records= */
#include "pipeline.h"

static struct stream nats;

/* The next message's payload; PINGs are answered on the way. */
static char *next_message(size_t *count) {
    while (1) {
        char *line = read_line(&nats);
        if (!strncmp(line, "MSG ", 4)) {
            *count = (size_t)atoll(strrchr(line, ' ') + 1);
            return read_counted(&nats, *count);
        }
        if (!strncmp(line, "-ERR", 4)) fail("NATS says %s", line);
        if (!strcmp(line, "PING")) {
            write_text(&nats, "PONG\r\n");
            flush_stream(&nats);
        }
    }
}

/* Asks JetStream's API and waits for the answer, which must not be an error. */
static void ask(const char *subject, const char *body) {
    write_text(&nats, "PUB %s varve-bench-answer %zu\r\n%s\r\n", subject, strlen(body), body);
    flush_stream(&nats);
    size_t count;
    char *answer = next_message(&count);
    answer[count] = 0;
    if (strstr(answer, "\"error\"")) fail("JetStream says %s", answer);
}

static void publish(const char *topic, const unsigned char *event, size_t bytes) {
    write_text(&nats, "PUB %s varve-bench-answer %zu\r\n", topic, bytes);
    write_bytes(&nats, event, bytes);
    write_bytes(&nats, "\r\n", 2);
}

static void expect_stored(void) {
    size_t size;
    char *answer = next_message(&size);
    if (size < 10 || !memmem(answer, size, "\"seq\"", 5)) fail("JetStream refused");
}

static void produce(void) {
    const char *topic = text_option("topic", "bench");
    char subject[256], body[512];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", topic);
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"storage\":\"file\",\"num_replicas\":1}",
             topic, topic);
    ask(subject, body);
    produce_pipelined(&nats, publish, expect_stored);
}

static void consume(void) {
    uint64_t records = (uint64_t)number_option("records", 0);
    const char *topic = text_option("topic", "bench");
    char subject[256], body[512];
    write_text(&nats, "SUB varve-bench-events 2\r\n");
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.CREATE.%s", topic);
    snprintf(body, sizeof body,
             "{\"stream_name\":\"%s\",\"config\":{\"deliver_subject\":\"varve-bench-events\","
             "\"deliver_policy\":\"all\",\"ack_policy\":\"none\"}}",
             topic);
    write_text(&nats, "PUB %s %zu\r\n%s\r\n", subject, strlen(body), body);
    struct figures f = {0};
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    flush_stream(&nats);
    while (f.records < records) {
        size_t count;
        char *event = next_message(&count);
        f.sum += event_sum(event, count);
        f.bytes += count;
        f.records++;
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

int main(int count, char **words) {
    if (count < 2) fail("usage: nats_client produce|consume name=value ...");
    take_options(count - 2, words + 2);
    open_stream(&nats);
    read_line(&nats); /* INFO */
    write_text(&nats, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n"
               "SUB varve-bench-answer 1\r\n");
    if (!strcmp(words[1], "produce")) produce();
    else if (!strcmp(words[1], "consume")) consume();
    else fail("there is no load %s", words[1]);
}
