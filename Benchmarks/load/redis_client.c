/* Redis Streams: XADD with so many unanswered commands, XRANGE by thousands.
 *
 *     redis_client produce port= topic= bytes= records= seconds= depth=
 *     redis_client consume port= topic= records= */
#include "pipeline.h"

static struct stream redis;

/* One answer that is a bulk string, as XADD's. */
static void expect_bulk(void) {
    char *line = read_line(&redis);
    if (*line != '$') fail("Redis says %s", line);
    read_counted(&redis, (size_t)atoll(line + 1));
}

static size_t expect_array(void) {
    char *line = read_line(&redis);
    if (*line != '*') fail("Redis says %s", line);
    return (size_t)atoll(line + 1);
}

static void add(const char *topic, const unsigned char *event, size_t bytes) {
    write_text(&redis, "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$1\r\nd\r\n$%zu\r\n",
               strlen(topic), topic, bytes);
    write_bytes(&redis, event, bytes);
    write_bytes(&redis, "\r\n", 2);
}

static void consume(void) {
    uint64_t records = (uint64_t)number_option("records", 0);
    const char *topic = text_option("topic", "bench");
    char from[64] = "-";
    struct figures f = {0};
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    while (f.records < records) {
        write_text(&redis, "*6\r\n$6\r\nXRANGE\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$1\r\n+\r\n"
                   "$5\r\nCOUNT\r\n$3\r\n500\r\n", strlen(topic), topic, strlen(from), from);
        flush_stream(&redis);
        size_t entries = expect_array();
        if (!entries) fail("%llu records are there", (unsigned long long)f.records);
        for (size_t i = 0; i < entries; i++) {
            expect_array();
            size_t length = (size_t)atoll(read_line(&redis) + 1);
            const char *id = read_counted(&redis, length);
            if (length + 2 > sizeof from) fail("a long id");
            from[0] = '(';
            memcpy(from + 1, id, length);
            from[length + 1] = 0;
            if (expect_array() != 2) fail("an entry of other fields");
            read_counted(&redis, (size_t)atoll(read_line(&redis) + 1));
            length = (size_t)atoll(read_line(&redis) + 1);
            f.sum += event_sum(read_counted(&redis, length), length);
            f.bytes += length;
            f.records++;
        }
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

int main(int count, char **words) {
    if (count < 2) fail("usage: redis_client produce|consume name=value ...");
    take_options(count - 2, words + 2);
    open_stream(&redis);
    if (!strcmp(words[1], "produce")) produce_pipelined(&redis, add, expect_bulk);
    else if (!strcmp(words[1], "consume")) consume();
    else fail("there is no load %s", words[1]);
}
