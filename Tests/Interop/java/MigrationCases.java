import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.common.TopicPartition;

/** Members of one group go over to the other protocol one by one (KIP-848), and back. */
class MigrationCases {
    private static final int PARTITIONS = 6;

    private final Kit kit;
    private final String topic;
    private final List<KafkaConsumer<String, String>> members = new ArrayList<>();
    private final List<ConsumerRecord<String, String>> records = new ArrayList<>();
    private int written;

    private MigrationCases(Kit kit) throws Exception {
        this.kit = kit;
        topic = kit.topic(PARTITIONS);
    }

    private void add(Object... settings) {
        List<Object> all = new ArrayList<>(List.of(settings));
        all.addAll(List.of("group.id", kit.name));
        KafkaConsumer<String, String> member = kit.consumer(all.toArray());
        member.subscribe(List.of(topic));
        members.add(member);
    }

    /** Everything is shared out, and five more events of each partition arrive. */
    private void rest(String when) throws Exception {
        ConsumerCases.pollUntil(when + ": all partitions are somebody's, and each has some", () -> {
            Set<TopicPartition> held = new HashSet<>();
            int count = 0;
            for (KafkaConsumer<String, String> member : members) {
                if (member.assignment().isEmpty()) return false;
                count += member.assignment().size();
                held.addAll(member.assignment());
            }
            return held.size() == PARTITIONS && count == PARTITIONS;
        }, members, records);
        for (int partition = 0; partition < PARTITIONS; partition++) {
            kit.write(topic, partition, Kit.numbered(when + " " + partition + "-", 5));
            written += 5;
        }
        ConsumerCases.pollUntil(when + ": " + written + " events", () -> records.size() >= written,
            members, records);
        members.forEach(member -> member.commitSync());
    }

    /** Each member in turn gives its place to one with these settings. */
    private void roll(String to, Object... settings) throws Exception {
        int count = members.size();
        for (int index = 0; index < count; index++) {
            add(settings);
            rest(to + " beside " + index);
            members.remove(0).close();
            rest(to + " instead of " + index);
        }
    }

    private static void thereAndBack(Kit kit, String assignor) throws Exception {
        Object[] classic = {"partition.assignment.strategy", assignor};
        MigrationCases group = new MigrationCases(kit);
        group.add(classic);
        group.add(classic);
        group.rest("classic");
        group.roll("consumer", "group.protocol", "consumer");
        group.roll("classic", classic);
        group.members.forEach(member -> member.close());
        // Who leaves commits first, so that nobody reads an event again.
        Kit.same(group.records.size(), group.written);
        Set<String> values = new HashSet<>();
        group.records.forEach(record -> values.add(record.value()));
        Kit.same(values.size(), group.written);
    }

    @Case
    static void rangeMembersGoOverAndComeBack(Kit kit) throws Exception {
        thereAndBack(kit, RangeAssignor.class.getName());
    }

    @Case
    static void cooperativeMembersGoOverAndComeBack(Kit kit) throws Exception {
        thereAndBack(kit, CooperativeStickyAssignor.class.getName());
    }
}
