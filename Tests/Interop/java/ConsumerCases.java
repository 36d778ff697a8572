import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;

class ConsumerCases {
    private static TopicPartition at(String topic, int partition) {
        return new TopicPartition(topic, partition);
    }

    /** Polls all of them until this holds. */
    static void pollUntil(
            String what, java.util.function.BooleanSupplier holds,
            List<KafkaConsumer<String, String>> consumers,
            Collection<ConsumerRecord<String, String>> records) {
        Kit.until(what, () -> {
            for (KafkaConsumer<String, String> consumer : consumers) {
                consumer.poll(Duration.ofMillis(50)).forEach(records::add);
            }
            return holds.getAsBoolean();
        });
    }

    /** Three members come and one goes: every partition is always somebody's, none two's. */
    private static void share(Kit kit, Object... settings) throws Exception {
        String topic = kit.topic(6);
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        for (int count = 1; count <= 3; count++) {
            List<Object> all = new ArrayList<>(List.of(settings));
            all.addAll(List.of("group.id", kit.name, "client.id", "member" + count));
            members.add(kit.consumer(all.toArray()));
            members.get(count - 1).subscribe(List.of(topic));
            int share = 6 / count;
            pollUntil(count + " members with " + share + " partitions each",
                () -> members.stream().allMatch(one -> one.assignment().size() == share),
                members, records);
            Set<TopicPartition> held = new HashSet<>();
            members.forEach(one -> held.addAll(one.assignment()));
            Kit.same(held.size(), 6);
        }
        for (int partition = 0; partition < 6; partition++) {
            kit.write(topic, partition, Kit.numbered("p" + partition + "-", 5));
        }
        pollUntil("30 records", () -> records.size() >= 30, members, records);
        members.forEach(one -> one.commitSync());
        members.remove(2).close();
        pollUntil("two members with three partitions each",
            () -> members.stream().allMatch(one -> one.assignment().size() == 3),
            members, records);
        Kit.same(records.size(), 30);
        members.forEach(one -> one.close());
        KafkaConsumer<String, String> next = kit.consumer("group.id", kit.name);
        Map<TopicPartition, OffsetAndMetadata> committed = next.committed(
            Set.of(at(topic, 0), at(topic, 5)));
        Kit.same(committed.get(at(topic, 0)).offset(), 5L);
        Kit.same(committed.get(at(topic, 5)).offset(), 5L);
    }

    @Case
    static void rangeMembersShare(Kit kit) throws Exception {
        share(kit, "partition.assignment.strategy", RangeAssignor.class.getName());
    }

    @Case
    static void roundRobinMembersShare(Kit kit) throws Exception {
        share(kit, "partition.assignment.strategy", RoundRobinAssignor.class.getName());
    }

    @Case
    static void stickyMembersShare(Kit kit) throws Exception {
        share(kit, "partition.assignment.strategy", StickyAssignor.class.getName());
    }

    @Case
    static void cooperativeMembersShare(Kit kit) throws Exception {
        share(kit, "partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
    }

    @Case
    static void consumerProtocolMembersShare(Kit kit) throws Exception {
        share(kit, "group.protocol", "consumer");
    }

    @Case
    static void consumerProtocolMembersShareByRange(Kit kit) throws Exception {
        share(kit, "group.protocol", "consumer", "group.remote.assignor", "range");
    }

    @Case
    static void cooperativeMembersKeepWhatTheyNeedNotGive(Kit kit) throws Exception {
        String topic = kit.topic(4);
        List<TopicPartition> revoked = new ArrayList<>();
        ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                revoked.addAll(partitions);
            }

            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            }
        };
        Object[] settings = {
            "group.id", kit.name,
            "partition.assignment.strategy", CooperativeStickyAssignor.class.getName()};
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        members.add(kit.consumer(settings));
        members.get(0).subscribe(List.of(topic), listener);
        pollUntil("the first assignment", () -> members.get(0).assignment().size() == 4,
            members, new ArrayList<>());
        members.add(kit.consumer(settings));
        members.get(1).subscribe(List.of(topic));
        pollUntil("two each", () -> members.stream().allMatch(
            one -> one.assignment().size() == 2), members, new ArrayList<>());
        Kit.same(revoked.size(), 2);
    }

    /** A static member that comes back within its session finds what it had. */
    private static void comeBack(Kit kit, Object... settings) throws Exception {
        String topic = kit.topic(2);
        List<Object> all = new ArrayList<>(List.of(settings));
        all.addAll(List.of("group.id", kit.name, "group.instance.id"));
        List<Object> one = new ArrayList<>(all), two = new ArrayList<>(all);
        one.add("one");
        two.add("two");
        List<KafkaConsumer<String, String>> members = new ArrayList<>(List.of(
            kit.consumer(one.toArray()), kit.consumer(two.toArray())));
        members.forEach(member -> member.subscribe(List.of(topic)));
        pollUntil("one each", () -> members.stream().allMatch(
            member -> member.assignment().size() == 1), members, new ArrayList<>());
        Set<TopicPartition> had = members.get(1).assignment();
        members.remove(1).close();
        members.get(0).poll(Duration.ofMillis(500));
        Kit.same(members.get(0).assignment().size(), 1);
        members.add(kit.consumer(two.toArray()));
        members.get(1).subscribe(List.of(topic));
        pollUntil("one each again", () -> members.get(1).assignment().size() == 1,
            members, new ArrayList<>());
        Kit.same(members.get(1).assignment(), had);
    }

    @Case
    static void aStaticClassicMemberFindsWhatItHad(Kit kit) throws Exception {
        comeBack(kit);
    }

    @Case
    static void aStaticConsumerProtocolMemberFindsWhatItHad(Kit kit) throws Exception {
        comeBack(kit, "group.protocol", "consumer");
    }

    @Case
    static void aSecondStaticMemberOfTheNameFencesTheFirst(Kit kit) throws Exception {
        String topic = kit.topic(1);
        Object[] settings = {"group.id", kit.name, "group.instance.id", "one",
            "heartbeat.interval.ms", 500};
        KafkaConsumer<String, String> first = kit.consumer(settings);
        first.subscribe(List.of(topic));
        pollUntil("the partition", () -> first.assignment().size() == 1,
            List.of(first), new ArrayList<>());
        KafkaConsumer<String, String> second = kit.consumer(settings);
        second.subscribe(List.of(topic));
        pollUntil("the partition", () -> second.assignment().size() == 1,
            List.of(second), new ArrayList<>());
        Kit.fails(FencedInstanceIdException.class, () -> {
            Kit.until("the fence", () -> {
                first.poll(Duration.ofMillis(100));
                return false;
            });
            return null;
        });
    }

    @Case
    static void offsetsForTimesFindsTheFirstNotOlder(Kit kit) throws Exception {
        String topic = kit.topic(2);
        long start = System.currentTimeMillis() - 100_000;
        try (KafkaProducer<String, String> producer = kit.producer("linger.ms", 50)) {
            for (int at = 0; at < 100; at++) {
                producer.send(new ProducerRecord<>(topic, 0, start + 10 * at, null, "v" + at));
            }
        }
        KafkaConsumer<String, String> consumer = kit.consumer();
        Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(
            Map.of(at(topic, 0), start + 495, at(topic, 1), start));
        Kit.same(found.get(at(topic, 0)).offset(), 50L);
        Kit.same(found.get(at(topic, 0)).timestamp(), start + 500);
        Kit.same(found.get(at(topic, 1)), null);
        Kit.same(consumer.offsetsForTimes(Map.of(at(topic, 0), start + 99_000))
            .get(at(topic, 0)), null);
        Kit.same(consumer.beginningOffsets(List.of(at(topic, 0))), Map.of(at(topic, 0), 0L));
        Kit.same(consumer.endOffsets(List.of(at(topic, 0))), Map.of(at(topic, 0), 100L));
    }

    @Case
    static void seekPauseAndLag(Kit kit) throws Exception {
        String topic = kit.topic(2);
        kit.write(topic, 0, Kit.numbered("a", 20));
        kit.write(topic, 1, Kit.numbered("b", 20));
        KafkaConsumer<String, String> consumer = kit.consumer("max.poll.records", 5);
        consumer.assign(List.of(at(topic, 0), at(topic, 1)));
        consumer.seek(at(topic, 0), 15);
        consumer.pause(List.of(at(topic, 1)));
        Kit.same(Kit.poll(consumer, 5).get(0).value(), "a15");
        Kit.same(consumer.currentLag(at(topic, 0)).getAsLong(), 0L);
        consumer.resume(List.of(at(topic, 1)));
        consumer.seekToEnd(List.of(at(topic, 0)));
        Kit.same(Kit.poll(consumer, 20).get(0).value(), "b0");
        Kit.same(consumer.position(at(topic, 0)), 20L);
        consumer.seek(at(topic, 1), new OffsetAndMetadata(19, "again"));
        Kit.same(Kit.poll(consumer, 1).get(0).value(), "b19");
    }

    @Case
    static void offsetsThatAreGoneAreResetOrReported(Kit kit) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, Kit.numbered("v", 10));
        Kit.same(Kit.get(kit.admin().deleteRecords(Map.of(
            at(topic, 0), RecordsToDelete.beforeOffset(4))).lowWatermarks().get(at(topic, 0)))
            .lowWatermark(), 4L);
        for (String reset : Kit.strings("earliest", "latest", "none")) {
            KafkaConsumer<String, String> consumer = kit.consumer(
                "auto.offset.reset", reset, "group.id", kit.name + "-" + reset);
            consumer.assign(List.of(at(topic, 0)));
            if (reset.equals("none")) {
                Kit.fails(NoOffsetForPartitionException.class,
                    () -> consumer.poll(Duration.ofSeconds(5)));
                consumer.seek(at(topic, 0), 1);
                Kit.fails(OffsetOutOfRangeException.class, () -> {
                    Kit.until("the error", () -> !consumer.poll(Duration.ofSeconds(1)).isEmpty());
                    return null;
                });
            } else {
                consumer.seek(at(topic, 0), 1);
                if (reset.equals("earliest")) {
                    Kit.same(Kit.poll(consumer, 6).get(0).value(), "v4");
                } else {
                    Kit.until("the end", () -> {
                        Kit.check(consumer.poll(Duration.ofMillis(200)).isEmpty(), "records");
                        return consumer.position(at(topic, 0)) == 10;
                    });
                }
            }
        }
    }

    private static void followPattern(Kit kit, Object... settings) throws Exception {
        String first = kit.topic(kit.name + "-first", 1);
        kit.topic(kit.name + "x", 1);
        kit.write(first, 0, "one");
        List<Object> all = new ArrayList<>(List.of(settings));
        all.addAll(List.of("group.id", kit.name, "metadata.max.age.ms", 1_000));
        KafkaConsumer<String, String> consumer = kit.consumer(all.toArray());
        consumer.subscribe(Pattern.compile(kit.name + "-.*"));
        Kit.same(Kit.poll(consumer, 1).get(0).value(), "one");
        String second = kit.topic(kit.name + "-second", 1);
        kit.write(second, 0, "two");
        Kit.same(Kit.poll(consumer, 1).get(0).value(), "two");
        Kit.same(new TreeSet<>(consumer.subscription()), new TreeSet<>(Set.of(first, second)));
    }

    @Case
    static void aPatternFollowsNewTopics(Kit kit) throws Exception {
        followPattern(kit);
    }

    @Case
    static void aPatternFollowsNewTopicsInConsumerProtocol(Kit kit) throws Exception {
        followPattern(kit, "group.protocol", "consumer");
    }

    private static void followPartitions(Kit kit, Object... settings) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, "one");
        List<Object> all = new ArrayList<>(List.of(settings));
        all.addAll(List.of("group.id", kit.name, "metadata.max.age.ms", 1_000));
        KafkaConsumer<String, String> consumer = kit.consumer(all.toArray());
        consumer.subscribe(List.of(topic));
        Kit.poll(consumer, 1);
        consumer.commitSync();
        Kit.get(kit.admin().createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all());
        kit.write(topic, 2, "two");
        Kit.same(Kit.poll(consumer, 1).get(0).value(), "two");
        Kit.same(consumer.assignment().size(), 3);
    }

    @Case
    static void newPartitionsAreConsumed(Kit kit) throws Exception {
        followPartitions(kit);
    }

    @Case
    static void newPartitionsAreConsumedInConsumerProtocol(Kit kit) throws Exception {
        followPartitions(kit, "group.protocol", "consumer");
    }

    @Case
    static void commitsCarryMetadataAndAutoCommitCommits(Kit kit) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, Kit.numbered("v", 10));
        KafkaConsumer<String, String> consumer = kit.consumer("group.id", kit.name);
        consumer.assign(List.of(at(topic, 0)));
        consumer.commitSync(Map.of(at(topic, 0), new OffsetAndMetadata(3, "note")));
        Kit.same(consumer.committed(Set.of(at(topic, 0))).get(at(topic, 0)),
            new OffsetAndMetadata(3, "note"));
        boolean[] done = {false};
        consumer.commitAsync(Map.of(at(topic, 0), new OffsetAndMetadata(4)),
            (offsets, error) -> done[0] = error == null);
        Kit.until("the commit", () -> {
            consumer.poll(Duration.ofMillis(50));
            return done[0];
        });
        consumer.close();
        for (String protocol : Kit.strings("classic", "consumer")) {
            String group = kit.name + "-" + protocol;
            try (KafkaConsumer<String, String> automatic = kit.consumer(
                    "group.id", group, "group.protocol", protocol, "enable.auto.commit", true,
                    "auto.commit.interval.ms", 100)) {
                automatic.subscribe(List.of(topic));
                Kit.poll(automatic, 10);
            }
            Kit.same(Kit.get(kit.admin().listConsumerGroupOffsets(group)
                .partitionsToOffsetAndMetadata()).get(at(topic, 0)).offset(), 10L);
        }
    }

    @Case
    static void aClassicGroupGoesOverToTheConsumerProtocol(Kit kit) throws Exception {
        String topic = kit.topic(2);
        kit.write(topic, 0, Kit.numbered("a", 5));
        try (KafkaConsumer<String, String> classic = kit.consumer("group.id", kit.name)) {
            classic.subscribe(List.of(topic));
            Kit.poll(classic, 5);
            classic.commitSync();
        }
        kit.write(topic, 1, Kit.numbered("b", 5));
        KafkaConsumer<String, String> next =
            kit.consumer("group.id", kit.name, "group.protocol", "consumer");
        next.subscribe(List.of(topic));
        List<ConsumerRecord<String, String>> records = Kit.poll(next, 5);
        records.forEach(record -> Kit.same(record.partition(), 1));
    }

    @Case
    static void topicsAndPartitionsAreListed(Kit kit) throws Exception {
        String topic = kit.topic(2);
        KafkaConsumer<String, String> consumer = kit.consumer();
        Map<String, List<PartitionInfo>> topics = consumer.listTopics();
        Kit.same(topics.get(topic).size(), 2);
        PartitionInfo info = consumer.partitionsFor(topic).get(0);
        Kit.same(info.leader().id(), 1);
        Kit.same(info.replicas().length, 1);
        Kit.same(info.inSyncReplicas().length, 1);
        Kit.same(info.offlineReplicas().length, 0);
    }

    @Case
    static void aTopicMadeAgainIsReadFromItsStart(Kit kit) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, "old");
        KafkaConsumer<String, String> consumer = kit.consumer("metadata.max.age.ms", 1_000);
        consumer.assign(List.of(at(topic, 0)));
        Kit.poll(consumer, 1);
        Kit.get(kit.admin().deleteTopics(List.of(topic)).all());
        kit.topic(1);
        kit.write(topic, 0, "new", "newer");
        Map<Long, String> found = new HashMap<>();
        Kit.until("a record of the new topic", () -> {
            consumer.poll(Duration.ofMillis(100))
                .forEach(record -> found.put(record.offset(), record.value()));
            return found.containsKey(1L);
        });
        Kit.same(found.get(1L), "newer");
    }

    @Case
    static void manyPartitionsAreReadInSmallFetches(Kit kit) throws Exception {
        String topic = kit.topic(200);
        int count = 20_000;
        try (KafkaProducer<String, String> producer =
                kit.producer("linger.ms", 20, "compression.type", "zstd")) {
            for (int at = 0; at < count; at++) {
                producer.send(new ProducerRecord<>(topic, at % 200, null, "v" + at));
            }
        }
        KafkaConsumer<String, String> consumer = kit.consumer(
            "group.id", kit.name, "fetch.max.bytes", 2_000, "max.partition.fetch.bytes", 500);
        consumer.subscribe(List.of(topic));
        Set<String> values = new HashSet<>();
        Kit.poll(consumer, count).forEach(record -> values.add(record.value()));
        Kit.same(values.size(), count);
        Kit.check(consumer.poll(Duration.ofMillis(200)).isEmpty(), "a record twice");
    }

    @Case
    static void aRecordLargerThanTheFetchComesWhole(Kit kit) throws Exception {
        String topic = kit.topic(1), large = "x".repeat(900_000);
        kit.write(topic, 0, "small", large, "last");
        KafkaConsumer<String, String> consumer = kit.consumer(
            "fetch.max.bytes", 1_000, "max.partition.fetch.bytes", 1_000);
        consumer.assign(List.of(at(topic, 0)));
        List<ConsumerRecord<String, String>> records = Kit.poll(consumer, 3);
        Kit.same(records.get(1).value(), large);
        Kit.same(records.get(2).value(), "last");
    }
}
