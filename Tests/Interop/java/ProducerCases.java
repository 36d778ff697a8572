import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.header.internals.RecordHeader;

class ProducerCases {
    @Case
    static void everyAcksIsRead(Kit kit) throws Exception {
        String topic = kit.topic(1);
        for (String acks : Kit.strings("0", "1", "all")) {
            try (KafkaProducer<String, String> producer =
                    kit.producer("acks", acks, "enable.idempotence", acks.equals("all"))) {
                RecordMetadata done = producer.send(new ProducerRecord<>(topic, acks)).get();
                Kit.same(done.hasOffset(), !acks.equals("0"));
            }
        }
        Kit.same(kit.read(topic, 0), Kit.strings("0", "1", "all"));
    }

    @Case
    static void everyCodecKeepsKeysHeadersAndTimes(Kit kit) throws Exception {
        String topic = kit.topic(1);
        List<String> codecs = Kit.strings("none", "gzip", "snappy", "lz4", "zstd");
        for (String codec : codecs) {
            try (KafkaProducer<String, String> producer =
                    kit.producer("compression.type", codec, "linger.ms", 20)) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int at = 0; at < 200; at++) {
                    sent.add(producer.send(new ProducerRecord<>(
                        topic, 0, 1_700_000_000_000L + at, "key" + at, codec + "-" + at,
                        List.of(new RecordHeader("codec", Kit.bytes(codec)),
                            new RecordHeader("empty", null)))));
                }
                for (Future<RecordMetadata> one : sent) one.get();
            }
        }
        KafkaConsumer<String, String> consumer = kit.consumer();
        consumer.assign(List.of(new TopicPartition(topic, 0)));
        List<ConsumerRecord<String, String>> records = Kit.poll(consumer, 200 * codecs.size());
        for (int at = 0; at < records.size(); at++) {
            ConsumerRecord<String, String> record = records.get(at);
            String codec = codecs.get(at / 200);
            Kit.same(record.offset(), (long) at);
            Kit.same(record.value(), codec + "-" + at % 200);
            Kit.same(record.key(), "key" + at % 200);
            Kit.same(record.timestamp(), 1_700_000_000_000L + at % 200);
            Kit.same(new String(record.headers().lastHeader("codec").value()), codec);
            Kit.same(record.headers().lastHeader("empty").value(), null);
        }
    }

    @Case
    static void fiveBatchesInFlightStayInOrder(Kit kit) throws Exception {
        String topic = kit.topic(1);
        try (KafkaProducer<String, String> producer = kit.producer(
                "batch.size", 200, "linger.ms", 0, "max.in.flight.requests.per.connection", 5)) {
            for (int at = 0; at < 2_000; at++) {
                producer.send(new ProducerRecord<>(topic, 0, null, "value" + at));
            }
            producer.flush();
        }
        Kit.same(kit.read(topic, 0), Kit.strings(Kit.numbered("value", 2_000)));
    }

    @Case
    static void aRecordLargerThanTheTopicTakesIsRefusedAndTheNextIsNot(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaProducer<String, String> producer = kit.producer("max.request.size", 20_000_000);
        Kit.fails(RecordTooLargeException.class,
            () -> producer.send(new ProducerRecord<>(topic, "x".repeat(3_000_000))).get());
        Kit.same(producer.send(new ProducerRecord<>(topic, "small")).get().offset(), 0L);
    }

    @Case
    static void aTopicIsMadeByItsFirstRecordAndABadNameIsRefused(Kit kit) throws Exception {
        KafkaProducer<String, String> producer = kit.producer();
        Kit.same(producer.send(new ProducerRecord<>(kit.name, "first")).get().offset(), 0L);
        Kit.fails(InvalidTopicException.class,
            () -> producer.send(new ProducerRecord<>("no topic", "first")).get());
    }

    @Case
    static void aTopicMadeAgainTakesWhatTheSameProducerSends(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaProducer<String, String> producer = kit.producer();
        Kit.same(producer.send(new ProducerRecord<>(topic, "old")).get().offset(), 0L);
        Kit.get(kit.admin().deleteTopics(List.of(topic)).all());
        kit.topic(1);
        Kit.same(producer.send(new ProducerRecord<>(topic, "new")).get().offset(), 0L);
        Kit.same(kit.read(topic, 0), Kit.strings("new"));
    }
}
