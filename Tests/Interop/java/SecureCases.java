import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SslAuthenticationException;

/** Clients of an SSL listener that wants client certificates, in the directory that is named on the command line. */
class SecureCases {
    /** ca.pem and client-store.pem. */
    private static final Path CERTIFICATES =
        Path.of(System.getProperty("varve.test.certificates", "."));

    private static Object[] ssl(String... more) {
        List<Object> all = new java.util.ArrayList<>(List.of(
            "security.protocol", "SSL", "ssl.truststore.type", "PEM", "ssl.truststore.location",
            CERTIFICATES.resolve("ca.pem").toString()));
        all.addAll(List.of(more));
        return all.toArray();
    }

    @Case
    static void aClientWithACertificateWritesAndReads(Kit kit) throws Exception {
        check(Files.exists(CERTIFICATES.resolve("client-store.pem")));
        Object[] settings = ssl("ssl.keystore.type", "PEM", "ssl.keystore.location",
            CERTIFICATES.resolve("client-store.pem").toString());
        KafkaProducer<String, String> producer = kit.producer(settings);
        for (int at = 0; at < 500; at++) {
            producer.send(new ProducerRecord<>(kit.name, 0, null, "v".repeat(1_000) + at));
        }
        producer.flush();
        KafkaConsumer<String, String> consumer = kit.consumer(settings);
        consumer.assign(List.of(new TopicPartition(kit.name, 0)));
        Kit.same(Kit.poll(consumer, 500).get(499).value(), "v".repeat(1_000) + 499);
    }

    @Case
    static void aClientWithoutACertificateIsRefused(Kit kit) {
        KafkaProducer<String, String> producer = kit.producer(ssl());
        Kit.fails(SslAuthenticationException.class,
            () -> producer.send(new ProducerRecord<>(kit.name, "v")).get());
    }

    private static void check(boolean condition) {
        Kit.check(condition, CERTIFICATES);
    }
}
