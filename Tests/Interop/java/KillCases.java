import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** Clients that go on while the broker is killed and started again, which test_java.py does. */
class KillCases {
    /** How long the broker is killed again and again. */
    private static final long KILLING_SECONDS = 12;

    private static boolean isKilling(long begun) {
        return System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(KILLING_SECONDS);
    }

    @Case
    static void idempotentWritesAreThereOnceAndInOrder(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaProducer<String, String> producer = kit.producer(
            "delivery.timeout.ms", 60_000, "linger.ms", 2, "batch.size", 2_000,
            "compression.type", "lz4");
        long begun = System.nanoTime();
        int[] failed = {0};
        int count = 0;
        while (isKilling(begun)) {
            producer.send(new ProducerRecord<>(topic, 0, null, "v" + count++),
                (done, error) -> failed[0] += error == null ? 0 : 1);
            if (count % 20 == 0) Thread.sleep(1);
        }
        producer.flush();
        Kit.same(failed[0], 0);
        Kit.same(kit.read(topic, 0), Kit.strings(Kit.numbered("v", count)));
    }

    @Case
    static void copiesAreExactInClassicGroups(Kit kit) throws Exception {
        copy(kit, "classic");
    }

    @Case
    static void copiesAreExactInConsumerGroups(Kit kit) throws Exception {
        copy(kit, "consumer");
    }

    /** Copies a topic in transactions; whatever fails is given up and done anew. */
    private static void copy(Kit kit, String protocol) throws Exception {
        int count = 3_000;
        String from = kit.topic(kit.name + "-from", 1), to = kit.topic(kit.name + "-to", 1);
        try (KafkaProducer<String, String> producer = kit.producer("delivery.timeout.ms", 60_000)) {
            for (String value : Kit.numbered("v", count)) {
                producer.send(new ProducerRecord<>(from, value));
            }
        }
        long begun = System.nanoTime();
        boolean isDone = false;
        int round = 0;
        while (!isDone) {
            Kit.check(System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(70), "still copying");
            try (KafkaProducer<String, String> producer = kit.producer(
                        "transactional.id", kit.name, "max.block.ms", 10_000);
                    KafkaConsumer<String, String> consumer = kit.consumer(
                        "group.id", kit.name, "group.protocol", protocol, "max.poll.records", 20,
                        "isolation.level", "read_committed")) {
                producer.initTransactions();
                consumer.subscribe(List.of(from));
                long last = -1;
                while (!isDone) {
                    List<ConsumerRecord<String, String>> records = new ArrayList<>();
                    consumer.poll(Duration.ofMillis(200)).forEach(records::add);
                    Kit.check(System.nanoTime() - begun < TimeUnit.SECONDS.toNanos(70),
                        "still copying, after " + last);
                    if (records.isEmpty()) {
                        Map<TopicPartition, OffsetAndMetadata> committed =
                            consumer.committed(java.util.Set.of(new TopicPartition(from, 0)));
                        OffsetAndMetadata at = committed.get(new TopicPartition(from, 0));
                        isDone = at != null && at.offset() == count;
                        continue;
                    }
                    producer.beginTransaction();
                    for (ConsumerRecord<String, String> record : records) {
                        producer.send(new ProducerRecord<>(to, record.value()));
                        last = record.offset();
                    }
                    // Time to be killed with records of an open transaction in the log.
                    producer.flush();
                    if (isKilling(begun)) Thread.sleep(50);
                    // These clients are lost now and then, and the next ones abort what is open.
                    if (++round % 20 == 0) break;
                    producer.sendOffsetsToTransaction(
                        Map.of(new TopicPartition(from, 0), new OffsetAndMetadata(last + 1)),
                        consumer.groupMetadata());
                    producer.commitTransaction();
                }
            } catch (KafkaException error) {
                // The broker was killed in the middle: begin again with new clients.
            }
        }
        List<String> copied = kit.read(to, 0, "isolation.level", "read_committed");
        Kit.same(copied, Kit.strings(Kit.numbered("v", count)));
        Kit.check(kit.read(to, 0).size() > count, "nothing was aborted: this proves little");
    }
}
