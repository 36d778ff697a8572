import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What a case works with: clients that are closed with it, and names of its own. */
class Kit implements AutoCloseable {
    static final long SECONDS = 30;

    final String bootstrap;
    /** The case's own: topics, groups and transactional ids are named after it. */
    final String name;
    private final List<AutoCloseable> open = new ArrayList<>();
    private Admin admin;

    Kit(String bootstrap, String name) {
        this.bootstrap = bootstrap;
        this.name = name;
    }

    @Override
    public void close() throws Exception {
        for (int at = open.size() - 1; at >= 0; at--) {
            AutoCloseable client = open.get(at);
            if (client instanceof KafkaProducer) {
                ((KafkaProducer<?, ?>) client).close(Duration.ofSeconds(2));
            } else {
                client.close();
            }
        }
    }

    Admin admin() {
        if (admin == null) {
            admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
            open.add(admin);
        }
        return admin;
    }

    /** A producer of strings with these settings, given as name, value, name, value. */
    KafkaProducer<String, String> producer(Object... settings) {
        Map<String, Object> all = new HashMap<>();
        all.put("bootstrap.servers", bootstrap);
        all.put("key.serializer", StringSerializer.class);
        all.put("value.serializer", StringSerializer.class);
        all.put("delivery.timeout.ms", 20_000);
        all.put("request.timeout.ms", 10_000);
        put(all, settings);
        KafkaProducer<String, String> producer = new KafkaProducer<>(all);
        open.add(producer);
        return producer;
    }

    /** A consumer of strings that starts at the beginning and commits when told to. */
    KafkaConsumer<String, String> consumer(Object... settings) {
        Map<String, Object> all = new HashMap<>();
        all.put("bootstrap.servers", bootstrap);
        all.put("key.deserializer", StringDeserializer.class);
        all.put("value.deserializer", StringDeserializer.class);
        all.put("auto.offset.reset", "earliest");
        all.put("enable.auto.commit", false);
        all.put("fetch.max.wait.ms", 100);
        put(all, settings);
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(all);
        open.add(consumer);
        return consumer;
    }

    private static void put(Map<String, Object> all, Object[] settings) {
        for (int at = 0; at < settings.length; at += 2) {
            all.put((String) settings[at], settings[at + 1]);
        }
    }

    /** Makes a topic of the case's own. */
    String topic(int partitions) throws Exception {
        return topic(name, partitions);
    }

    String topic(String topic, int partitions) throws Exception {
        get(admin().createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all());
        return topic;
    }

    /** Writes the values to a partition, in order, and waits for the last acknowledgement. */
    RecordMetadata write(String topic, int partition, String... values) throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            RecordMetadata last = null;
            for (String value : values) {
                last = producer.send(new ProducerRecord<>(topic, partition, null, value)).get();
            }
            return last;
        }
    }

    /** Reads a partition from its start to its end, as far as the isolation level shows it. */
    List<String> read(String topic, int partition, Object... settings) {
        try (KafkaConsumer<String, String> consumer = consumer(settings)) {
            TopicPartition place = new TopicPartition(topic, partition);
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            long end = consumer.endOffsets(List.of(place)).get(place);
            List<String> values = new ArrayList<>();
            until("the end of " + place, () -> {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
                return consumer.position(place) >= end;
            });
            return values;
        }
    }

    /** Polls until that many records came. */
    static List<ConsumerRecord<String, String>> poll(
            KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        until(count + " records", () -> {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            return records.size() >= count;
        });
        return records;
    }

    static String[] numbered(String prefix, int count) {
        String[] values = new String[count];
        for (int at = 0; at < count; at++) values[at] = prefix + at;
        return values;
    }

    static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(SECONDS, TimeUnit.SECONDS);
    }

    static void until(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!condition.getAsBoolean()) {
            check(System.nanoTime() < deadline, "not within " + SECONDS + " s: " + what);
        }
    }

    static void check(boolean condition, Object about) {
        if (!condition) throw new AssertionError(about);
    }

    static void same(Object found, Object expected) {
        check(Objects.equals(found, expected), "found " + found + ", expected " + expected);
    }

    /** Runs what must fail with that very class of error, and returns the error. */
    static <E extends Throwable> E fails(Class<E> expected, Callable<?> work) {
        Object result;
        try {
            result = work.call();
        } catch (Throwable error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            if (cause.getClass() == expected) return expected.cast(cause);
            throw new AssertionError("not " + expected.getSimpleName(), cause);
        }
        throw new AssertionError("not " + expected.getSimpleName() + ": " + result);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static <T> List<T> listOf(Collection<T> items) {
        return new ArrayList<>(items);
    }

    static List<String> strings(String... items) {
        return Arrays.asList(items);
    }
}
