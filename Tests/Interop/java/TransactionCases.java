import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;

/** Run twice, against both forms that transactions take (transaction.version 0 and 2). */
class TransactionCases {
    private static final Object[] COMMITTED = {"isolation.level", "read_committed"};

    private static KafkaProducer<String, String> begun(Kit kit, String id) {
        KafkaProducer<String, String> producer = kit.producer("transactional.id", id);
        producer.initTransactions();
        producer.beginTransaction();
        return producer;
    }

    @Case
    static void committedIsReadAndAbortedIsNot(Kit kit) throws Exception {
        String topic = kit.topic(2);
        KafkaProducer<String, String> producer = kit.producer("transactional.id", kit.name);
        producer.initTransactions();
        for (int round = 0; round < 10; round++) {
            producer.beginTransaction();
            String fate = round % 2 == 0 ? "kept" : "dropped";
            for (int partition = 0; partition < 2; partition++) {
                producer.send(new ProducerRecord<>(topic, partition, null, fate + round));
            }
            if (round % 2 == 0) producer.commitTransaction();
            else producer.abortTransaction();
        }
        for (int partition = 0; partition < 2; partition++) {
            Kit.same(kit.read(topic, partition, COMMITTED),
                Kit.strings("kept0", "kept2", "kept4", "kept6", "kept8"));
            // Kafka's producer may leave out the records of a batch that was not sent yet.
            List<String> all = kit.read(topic, partition);
            Kit.check(all.containsAll(Kit.strings("kept0", "kept8")), all);
        }
    }

    @Case
    static void anOpenTransactionHoldsCommittedReadersBack(Kit kit) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, "before");
        KafkaProducer<String, String> producer = begun(kit, kit.name);
        producer.send(new ProducerRecord<>(topic, 0, null, "inside")).get();
        kit.write(topic, 0, "after");
        Kit.same(kit.read(topic, 0, COMMITTED), Kit.strings("before"));
        Kit.same(kit.read(topic, 0), Kit.strings("before", "inside", "after"));
        producer.commitTransaction();
        Kit.same(kit.read(topic, 0, COMMITTED), Kit.strings("before", "inside", "after"));
    }

    @Case
    static void aSecondProducerOfTheIdFencesTheFirst(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaProducer<String, String> first = begun(kit, kit.name);
        first.send(new ProducerRecord<>(topic, 0, null, "first")).get();
        KafkaProducer<String, String> second = begun(kit, kit.name);
        second.send(new ProducerRecord<>(topic, 0, null, "second")).get();
        Kit.fails(ProducerFencedException.class, () -> {
            first.commitTransaction();
            return null;
        });
        second.commitTransaction();
        Kit.same(kit.read(topic, 0, COMMITTED), Kit.strings("second"));
    }

    @Case
    static void anEmptyTransactionCommitsAndAborts(Kit kit) throws Exception {
        KafkaProducer<String, String> producer = begun(kit, kit.name);
        producer.commitTransaction();
        producer.beginTransaction();
        producer.abortTransaction();
        String topic = kit.topic(1);
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, null, "after")).get();
        producer.commitTransaction();
        Kit.same(kit.read(topic, 0, COMMITTED), Kit.strings("after"));
    }

    @Case
    static void aTimeoutLongerThanTheBrokerAllowsIsRefused(Kit kit) {
        KafkaProducer<String, String> producer = kit.producer(
            "transactional.id", kit.name, "transaction.timeout.ms", 3_600_000);
        KafkaException error = Kit.fails(KafkaException.class, () -> {
            producer.initTransactions();
            return null;
        });
        Kit.check(error.getMessage().contains("transaction.max.timeout.ms"), error);
    }

    @Case
    static void offsetsGoWithTheirTransactionInClassicGroups(Kit kit) throws Exception {
        copy(kit, "classic");
    }

    @Case
    static void offsetsGoWithTheirTransactionInConsumerGroups(Kit kit) throws Exception {
        copy(kit, "consumer");
    }

    /** Copies 60 records, ten a transaction, every third transaction aborted and tried again. */
    private static void copy(Kit kit, String protocol) throws Exception {
        String from = kit.topic(kit.name + "-from", 2), to = kit.topic(kit.name + "-to", 1);
        kit.write(from, 0, Kit.numbered("a", 30));
        kit.write(from, 1, Kit.numbered("b", 30));
        KafkaProducer<String, String> producer = kit.producer("transactional.id", kit.name);
        producer.initTransactions();
        KafkaConsumer<String, String> consumer = kit.consumer(
            "group.id", kit.name, "group.protocol", protocol, "max.poll.records", 10,
            "isolation.level", "read_committed");
        consumer.subscribe(List.of(from));
        int[] count = {0, 0};
        Kit.until("60 records copied", () -> {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            Map<TopicPartition, Long> starts = new HashMap<>();
            List<ConsumerRecord<String, String>> records = new java.util.ArrayList<>();
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            if (records.isEmpty()) return false;
            producer.beginTransaction();
            for (ConsumerRecord<String, String> record : records) {
                TopicPartition place = new TopicPartition(record.topic(), record.partition());
                starts.putIfAbsent(place, record.offset());
                offsets.put(place, new OffsetAndMetadata(record.offset() + 1));
                producer.send(new ProducerRecord<>(to, 0, null, record.value()));
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            if (count[0]++ % 3 == 1) {
                producer.abortTransaction();
                starts.forEach(consumer::seek);
                return false;
            }
            producer.commitTransaction();
            count[1] += records.size();
            return count[1] == 60;
        });
        consumer.close();
        List<String> copied = kit.read(to, 0, COMMITTED);
        Kit.same(copied.size(), 60);
        Kit.same(Set.copyOf(copied).size(), 60);
        Map<TopicPartition, OffsetAndMetadata> offsets = Kit.get(
            kit.admin().listConsumerGroupOffsets(kit.name).partitionsToOffsetAndMetadata());
        Kit.same(offsets.get(new TopicPartition(from, 0)).offset(), 30L);
        Kit.same(offsets.get(new TopicPartition(from, 1)).offset(), 30L);
    }

    @Case
    static void adminsSeeAnOpenTransactionAndAbortIt(Kit kit) throws Exception {
        String topic = kit.topic(1);
        TopicPartition place = new TopicPartition(topic, 0);
        KafkaProducer<String, String> producer = begun(kit, kit.name);
        producer.send(new ProducerRecord<>(topic, 0, null, "inside")).get();

        TransactionDescription description = Kit.get(
            kit.admin().describeTransactions(List.of(kit.name)).description(kit.name));
        Kit.same(description.state(), TransactionState.ONGOING);
        Kit.same(description.topicPartitions(), Set.of(place));
        Kit.same(description.transactionTimeoutMs(), 60_000L);
        Kit.check(description.transactionStartTimeMs().isPresent(), description);

        TransactionListing listing = Kit.get(kit.admin().listTransactions(
                new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING))).all())
            .stream().filter(one -> one.transactionalId().equals(kit.name)).findFirst().get();
        Kit.same(listing.producerId(), description.producerId());
        Kit.check(Kit.get(kit.admin().listTransactions(new ListTransactionsOptions()
            .filterProducerIds(Set.of(987_654_321L))).all()).isEmpty(), "a listed producer id");

        List<ProducerState> states = Kit.get(
            kit.admin().describeProducers(List.of(place)).partitionResult(place)).activeProducers();
        Kit.same(states.size(), 1);
        ProducerState state = states.get(0);
        Kit.same(state.producerId(), description.producerId());
        Kit.same(state.currentTransactionStartOffset().getAsLong(), 0L);
        Kit.same(state.lastSequence(), 0);

        Kit.get(kit.admin().abortTransaction(new AbortTransactionSpec(
            place, state.producerId(), (short) state.producerEpoch(),
            state.coordinatorEpoch().orElse(0))).all());
        Kit.same(kit.read(topic, 0, COMMITTED), List.of());
        kit.write(topic, 0, "after");
        Kit.same(kit.read(topic, 0, COMMITTED), Kit.strings("after"));
        Kit.check(Kit.get(kit.admin().describeProducers(List.of(place)).partitionResult(place))
            .activeProducers().stream().allMatch(
                one -> one.currentTransactionStartOffset().isEmpty()), "still open");
    }

    @Case
    static void fencedProducersCannotGoOn(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaProducer<String, String> producer = begun(kit, kit.name);
        producer.send(new ProducerRecord<>(topic, 0, null, "inside")).get();
        long id = Kit.get(kit.admin().fenceProducers(List.of(kit.name)).producerId(kit.name));
        Kit.check(id >= 0, id);
        Throwable error = Kit.fails(ProducerFencedException.class, () -> {
            producer.commitTransaction();
            return null;
        });
        Kit.check(error instanceof KafkaException, error);
        Kit.until("the abort", () -> kit.read(topic, 0, COMMITTED).isEmpty());
        // An id that nobody used can be fenced too: the answer makes it.
        Kit.get(kit.admin().fenceProducers(List.of(kit.name + "-new")).all());
    }

    @Case
    static void anUnknownTransactionalIdIsNotFound(Kit kit) {
        Kit.fails(TransactionalIdNotFoundException.class, () -> Kit.get(
            kit.admin().describeTransactions(List.of("nobody")).description("nobody")));
    }

    @Case
    static void aTransactionThatTimesOutIsAbortedByTheBroker(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaProducer<String, String> producer = kit.producer(
            "transactional.id", kit.name, "transaction.timeout.ms", 1_000,
            "delivery.timeout.ms", 900, "request.timeout.ms", 900, "linger.ms", 0);
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, null, "late")).get();
        kit.write(topic, 0, "after");
        Kit.until("the abort", () -> kit.read(topic, 0, COMMITTED).equals(Kit.strings("after")));
        boolean failed = false;
        try {
            producer.commitTransaction();
        } catch (KafkaException expected) {
            failed = true;
        }
        Kit.check(failed, "a transaction was committed that the broker had aborted");
        Kit.same(kit.read(topic, 0, COMMITTED), Kit.strings("after"));
    }
}
