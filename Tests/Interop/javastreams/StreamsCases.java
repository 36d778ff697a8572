import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import java.nio.file.Files;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;

/** Kafka Streams: repartition and changelog topics, tables, joins, and processing exactly once. */
class StreamsCases {
    private static final int WORDS = 20;

    /** Counts words through a repartition topic and joins each count with the word's table. */
    private static KafkaStreams start(Kit kit, String from, String table, String to, String name)
            throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, Long> counts = builder.<String, String>stream(from)
            .selectKey((key, value) -> value)
            .groupByKey()
            .count()
            .toStream();
        counts.join(builder.<String, String>table(table), (count, text) -> text + count)
            .to(to, Produced.with(Serdes.String(), Serdes.String()));
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, kit.name);
        settings.put(StreamsConfig.CLIENT_ID_CONFIG, kit.name + "-" + name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, kit.bootstrap);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.STATE_DIR_CONFIG,
            Files.createTempDirectory("streams").toString());
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 3);
        settings.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, 1);
        settings.put("auto.offset.reset", "earliest");
        // A member whose leaving is lost with the broker holds the others up no longer than this.
        settings.put("session.timeout.ms", 6_000);
        settings.put("heartbeat.interval.ms", 1_500);
        settings.put("internal.leave.group.on.close", true);
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setUncaughtExceptionHandler(error ->
            org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler
                .StreamThreadExceptionResponse.REPLACE_THREAD);
        streams.start();
        return streams;
    }

    @Case
    static void countsAreExact(Kit kit) throws Exception {
        count(kit, 0);
    }

    @Case
    static void countsAreExactThoughTheBrokerIsKilled(Kit kit) throws Exception {
        count(kit, 12);
    }

    /** Feeds words for some seconds while a second instance comes and the first one goes. */
    private static void count(Kit kit, int seconds) throws Exception {
        String from = kit.topic(kit.name + "-from", 3), table = kit.topic(kit.name + "-table", 3);
        String to = kit.topic(kit.name + "-to", 1);
        KafkaProducer<String, String> producer = kit.producer("delivery.timeout.ms", 60_000);
        for (int word = 0; word < WORDS; word++) {
            producer.send(new ProducerRecord<>(table, "word" + word, "word" + word + "="));
        }
        producer.flush();
        KafkaStreams first = start(kit, from, table, to, "first");
        KafkaStreams second = null;
        try {
            Map<String, Long> expected = new HashMap<>();
            long begun = System.nanoTime();
            int sent = 0;
            while (sent < 3_000 || System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(seconds)) {
                String word = "word" + sent++ % WORDS;
                expected.merge(word, 1L, Long::sum);
                producer.send(new ProducerRecord<>(from, "key" + sent, word));
                if (sent % 10 == 0) Thread.sleep(seconds == 0 ? 1 : 10);
                if (sent == 1_000) second = start(kit, from, table, to, "second");
                if (sent == 2_000) first.close(Duration.ofSeconds(20));
            }
            producer.flush();

            KafkaConsumer<String, String> consumer =
                kit.consumer("isolation.level", "read_committed");
            consumer.assign(List.of(new TopicPartition(to, 0)));
            Map<String, Long> found = new HashMap<>();
            Kit.until("all counts", () -> {
                for (ConsumerRecord<String, String> record :
                        consumer.poll(Duration.ofMillis(100))) {
                    String[] parts = record.value().split("=");
                    Kit.same(parts[0], record.key());
                    long count = Long.parseLong(parts[1]);
                    // The cache may leave counts out, but they only grow.
                    Kit.check(count > found.getOrDefault(record.key(), 0L), record);
                    found.put(record.key(), count);
                }
                return found.equals(expected) || found.values().stream()
                    .mapToLong(one -> one).sum() > expected.values().stream()
                    .mapToLong(one -> one).sum();
            });
            Kit.same(found, expected);
            List<String> internal = Kit.get(kit.admin().listTopics().names()).stream()
                .filter(topic -> topic.startsWith(kit.name + "-KSTREAM"))
                .collect(Collectors.toList());
            Kit.check(internal.size() >= 2, internal);
        } finally {
            first.close(Duration.ofSeconds(5));
            if (second != null) second.close(Duration.ofSeconds(5));
        }
    }
}
