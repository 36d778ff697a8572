/* The common load generator: librdkafka in a plain C loop, the same for every Kafka broker.
 *
 *     kafka_client produce  bootstrap= topic= partitions= bytes= records= seconds= [codec= lines=
 *                           batch=]
 *     kafka_client latency  bootstrap= topic= bytes= records=
 *     kafka_client consume  bootstrap= topic= partitions= [records=]
 *     kafka_client tail     bootstrap= topic= partitions= bytes= records= seconds= groups=
 *     kafka_client join     bootstrap= topic= members=
 *     kafka_client mock     topic= partitions=
 *
 * Needs Debian's librdkafka-dev. */
#include "bench.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>

static char error_text[512];

static rd_kafka_conf_t *configuration(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    /* Every setting that is not librdkafka's default. */
    static const char *const always[][2] = {
        {"log_level", "3"}, {"socket.nagle.disable", "true"},
        {"topic.metadata.refresh.interval.ms", "-1"},
    };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (rd_kafka_conf_set(conf, always[i][0], always[i][1], error_text, sizeof error_text))
            fail("%s", error_text);
    const char *bootstrap = text_option("bootstrap", NULL);
    if (bootstrap
        && rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, error_text, sizeof error_text))
        fail("%s", error_text);
    return conf;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    if (rd_kafka_conf_set(conf, name, value, error_text, sizeof error_text)) fail("%s", error_text);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    rd_kafka_t *made = rd_kafka_new(type, conf, error_text, sizeof error_text);
    if (!made) fail("%s", error_text);
    return made;
}

/* ---- Producing ---- */

static struct figures produced;

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err) {
        if (!produced.errors++)
            fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
        return;
    }
    produced.records++;
    produced.bytes += message->len;
    if (message->_private)
        note_latency(&produced.latencies, now_ns() - (uint64_t)message->_private);
}

static rd_kafka_t *producer(void) {
    rd_kafka_conf_t *conf = configuration();
    set(conf, "acks", "all");
    set(conf, "queue.buffering.max.messages", "500000");
    set(conf, "queue.buffering.max.kbytes", "262144");
    set(conf, "compression.codec", text_option("codec", "none"));
    set(conf, "batch.num.messages", text_option("batch", "10000"));
    set(conf, "linger.ms", text_option("linger", "5"));
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    return client(RD_KAFKA_PRODUCER, conf);
}

static rd_kafka_topic_t *topic_of(rd_kafka_t *rk) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, text_option("topic", "bench"), NULL);
    if (!topic) fail("%s", rd_kafka_err2str(rd_kafka_last_error()));
    return topic;
}

/* The connection and the topic's metadata are there before the clock runs. */
static void warm(rd_kafka_t *rk, rd_kafka_topic_t *topic) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, 10000);
    if (code) fail("no metadata: %s", rd_kafka_err2str(code));
    rd_kafka_metadata_destroy(metadata);
}

/* Sends until so many records or seconds, over the partitions in turn by runs of 100. */
static void send_all(rd_kafka_t *rk, rd_kafka_topic_t *topic) {
    uint64_t records = (uint64_t)number_option("records", 100000);
    size_t bytes = (size_t)number_option("bytes", 1024);
    int partitions = (int)number_option("partitions", 1);
    uint64_t run = (uint64_t)number_option("run", 100);
    uint64_t end = now_ns() + (uint64_t)number_option("seconds", 3600) * 1000000000u;
    for (uint64_t number = 0; number < records; number++) {
        if (number % 256 == 0) {
            rd_kafka_poll(rk, 0);
            if (now_ns() >= end) break;
        }
        unsigned char *event = make_event(number, &bytes);
        produced.sum += event_sum(event, bytes);
        void *sample = number % 64 ? NULL : (void *)(uintptr_t)now_ns();
        while (rd_kafka_produce(topic, (int32_t)(number / run % (uint64_t)partitions),
                                RD_KAFKA_MSG_F_COPY, event, bytes, NULL, 0, sample)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                fail("%s", rd_kafka_err2str(rd_kafka_last_error()));
            rd_kafka_poll(rk, 10);
        }
    }
    while (rd_kafka_outq_len(rk)) rd_kafka_poll(rk, 100);
}

static void produce(void) {
    make_pool(text_option("lines", NULL));
    rd_kafka_t *rk = producer();
    rd_kafka_topic_t *topic = topic_of(rk);
    warm(rk, topic);
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    send_all(rk, topic);
    produced.seconds = (double)(now_ns() - start) / 1e9;
    produced.cpu = cpu_seconds() - cpu;
    print_figures(&produced);
}

static void latency(void) {
    make_pool(NULL);
    rd_kafka_conf_t *conf = configuration();
    set(conf, "acks", "all");
    set(conf, "linger.ms", "0");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *topic = topic_of(rk);
    warm(rk, topic);
    uint64_t records = (uint64_t)number_option("records", 500);
    size_t bytes = (size_t)number_option("bytes", 100);
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    for (uint64_t number = 0; number < records; number++) {
        unsigned char *event = make_event(number, &bytes);
        produced.sum += event_sum(event, bytes);
        if (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, event, bytes, NULL, 0,
                             (void *)(uintptr_t)now_ns()))
            fail("%s", rd_kafka_err2str(rd_kafka_last_error()));
        while (rd_kafka_outq_len(rk)) rd_kafka_poll(rk, 1000);
    }
    produced.seconds = (double)(now_ns() - start) / 1e9;
    produced.cpu = cpu_seconds() - cpu;
    print_figures(&produced);
}

/* ---- Consuming ---- */

static void consume(void) {
    rd_kafka_conf_t *conf = configuration();
    set(conf, "group.id", "varve-bench");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "auto.offset.reset", "earliest");
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_t *topic = topic_of(rk);
    warm(rk, topic);
    int partitions = (int)number_option("partitions", 1), ended = 0;
    uint64_t wanted = (uint64_t)number_option("records", 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(topic), i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    struct figures f = {0};
    uint64_t start = now_ns(), progress = start;
    double cpu = cpu_seconds();
    if (rd_kafka_assign(rk, list)) fail("cannot assign the partitions");
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    static rd_kafka_message_t *messages[4096];
    while (wanted ? f.records < wanted : ended < partitions) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 200, messages, 4096);
        for (ssize_t i = 0; i < count; i++) {
            if (!messages[i]->err) {
                f.records++;
                f.bytes += messages[i]->len;
                f.sum += event_sum(messages[i]->payload, messages[i]->len);
            } else if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                ended++;
            } else {
                f.errors++;
                fprintf(stderr, "%s\n", rd_kafka_message_errstr(messages[i]));
            }
            rd_kafka_message_destroy(messages[i]);
        }
        if (count > 0) progress = now_ns();
        if (now_ns() - progress > 15000000000u)
            fail("nothing came for 15 s, after %llu records", (unsigned long long)f.records);
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

/* ---- Producing while groups read along ---- */

struct reader {
    pthread_t thread;
    rd_kafka_t *rk;
    struct figures figures;
    volatile int assigned;
    volatile int ends;        /* partitions of which it has read what was there before */
    volatile uint64_t wanted; /* 0 until it is known */
};

static void *read_along(void *context) {
    struct reader *reader = context;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader->rk);
    rd_kafka_message_t *messages[1024];
    uint64_t progress = now_ns();
    while (!reader->wanted || reader->figures.records < reader->wanted) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 50, messages, 1024);
        for (ssize_t i = 0; i < count; i++) {
            const rd_kafka_message_t *message = messages[i];
            if (!message->err) {
                uint64_t made;
                memcpy(&made, (char *)message->payload + 8, 8);
                if (reader->figures.records++ % 64 == 0)
                    note_latency(&reader->figures.latencies, now_ns() - made);
                reader->figures.bytes += message->len;
                reader->figures.sum += event_sum(message->payload, message->len);
            } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                reader->ends++;
            }
            rd_kafka_message_destroy(messages[i]);
        }
        if (count > 0) progress = now_ns();
        if (now_ns() - progress > 30000000000u) break;
    }
    return NULL;
}

static void rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                       rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    (void)opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        rd_kafka_assign(rk, partitions);
        __sync_fetch_and_add((int *)rd_kafka_opaque(rk), 1);
    } else {
        rd_kafka_assign(rk, NULL);
    }
}

static rd_kafka_t *member(const char *group, int *assigned) {
    rd_kafka_conf_t *conf = configuration();
    set(conf, "group.id", group);
    set(conf, "auto.offset.reset", text_option("from", "earliest"));
    set(conf, "enable.partition.eof", "true");
    rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
    rd_kafka_conf_set_opaque(conf, assigned);
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, text_option("topic", "bench"), -1);
    if (rd_kafka_subscribe(rk, list)) fail("cannot subscribe");
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static void tail(void) {
    make_pool(NULL);
    enum { GROUPS_MAX = 16 };
    static struct reader readers[GROUPS_MAX];
    int groups = (int)number_option("groups", 3);
    int partitions = (int)number_option("partitions", 1);
    if (groups > GROUPS_MAX) fail("at most %d groups", GROUPS_MAX);
    char name[64];
    for (int i = 0; i < groups; i++) {
        snprintf(name, sizeof name, "varve-bench-%d-%d", (int)getpid(), i);
        readers[i].rk = member(name, (int *)&readers[i].assigned);
        pthread_create(&readers[i].thread, NULL, read_along, &readers[i]);
    }
    uint64_t deadline = now_ns() + 30000000000u;
    for (int i = 0; i < groups; i++)
        while (!readers[i].assigned || readers[i].ends < partitions) {
            usleep(1000);
            if (now_ns() > deadline) fail("a group was not at the end within 30 s");
        }
    rd_kafka_t *rk = producer();
    rd_kafka_topic_t *topic = topic_of(rk);
    warm(rk, topic);
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    send_all(rk, topic);
    for (int i = 0; i < groups; i++) readers[i].wanted = produced.records;
    struct figures all = {.records = produced.records, .bytes = produced.bytes,
                          .sum = produced.sum, .errors = produced.errors};
    for (int i = 0; i < groups; i++) {
        pthread_join(readers[i].thread, NULL);
        const struct figures *one = &readers[i].figures;
        if (one->records != produced.records || one->sum != produced.sum)
            fail("group %d read %llu records of %llu, or other bytes", i,
                 (unsigned long long)one->records, (unsigned long long)produced.records);
        for (size_t k = 0; k < one->latencies.count; k++)
            note_latency(&all.latencies, one->latencies.nanoseconds[k]);
    }
    all.seconds = (double)(now_ns() - start) / 1e9;
    all.cpu = cpu_seconds() - cpu;
    print_figures(&all);
}

/* How long a group of so many members takes until each has its partitions. */
static void join(void) {
    int members = (int)number_option("members", 100), assigned = 0;
    rd_kafka_t **all = calloc((size_t)members, sizeof *all);
    char name[64];
    snprintf(name, sizeof name, "varve-bench-join-%d", (int)getpid());
    double cpu = cpu_seconds();
    for (int i = 0; i < members; i++) all[i] = member(name, &assigned);
    uint64_t start = now_ns(), deadline = start + 60000000000u, settled = start;
    int before = 0;
    while (assigned < members || now_ns() - settled < 300000000u) {
        for (int i = 0; i < members; i++) {
            rd_kafka_message_t *message = rd_kafka_consumer_poll(all[i], 0);
            if (message) rd_kafka_message_destroy(message);
        }
        if (assigned != before) {
            before = assigned;
            settled = now_ns();
        }
        if (now_ns() > deadline) fail("%d of %d members got partitions in 60 s", assigned, members);
        usleep(1000);
    }
    struct figures f = {.records = (uint64_t)members, .seconds = (double)(settled - start) / 1e9,
                        .cpu = cpu_seconds() - cpu};
    print_figures(&f);
}

/* librdkafka's own mock cluster, in a process of its own: a broker that stores a few MB in memory
 * and checks nothing. Prints its address and lives until it is killed. */
static void mock(void) {
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, configuration());
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
    if (!cluster) fail("no mock cluster");
    rd_kafka_mock_topic_create(cluster, text_option("topic", "bench"),
                               (int)number_option("partitions", 1), 1);
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (1) pause();
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        void (*run)(void);
    } verbs[] = {{"produce", produce}, {"latency", latency}, {"consume", consume},
                 {"tail", tail},       {"join", join},       {"mock", mock}};
    take_options(count - 2, words + 2);
    for (size_t i = 0; count > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(words[1], verbs[i].name)) {
            verbs[i].run();
            /* The handles' threads end with the process: waiting for them measures nothing. */
            fflush(stdout);
            _exit(0);
        }
    fail("usage: kafka_client produce|latency|consume|tail|join|mock name=value ...");
}
