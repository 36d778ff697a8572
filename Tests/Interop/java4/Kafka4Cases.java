import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRegularExpression;

/** What Kafka's client can since 4.0 and 4.1. */
class Kafka4Cases {
    @Case
    static void theBrokerFollowsAPattern(Kit kit) throws Exception {
        String first = kit.topic(kit.name + "-first", 1);
        kit.topic(kit.name + "x", 1);
        kit.write(first, 0, "one");
        KafkaConsumer<String, String> consumer = kit.consumer(
            "group.id", kit.name, "group.protocol", "consumer", "metadata.max.age.ms", 1_000);
        consumer.subscribe(new SubscriptionPattern(kit.name + "-[a-z]+"));
        Kit.same(Kit.poll(consumer, 1).get(0).value(), "one");
        String second = kit.topic(kit.name + "-second", 1);
        kit.write(second, 0, "two");
        Kit.same(Kit.poll(consumer, 1).get(0).value(), "two");
        Kit.same(consumer.assignment().stream().map(place -> place.topic())
            .collect(Collectors.toSet()), Set.of(first, second));
    }

    @Case
    static void aBadPatternIsRefused(Kit kit) {
        KafkaConsumer<String, String> consumer =
            kit.consumer("group.id", kit.name, "group.protocol", "consumer");
        consumer.subscribe(new SubscriptionPattern("(a[b"));
        Kit.fails(InvalidRegularExpression.class, () -> Kit.poll(consumer, 1));
    }

    @Case
    static void groupsOfEveryKindAreListed(Kit kit) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, "v");
        for (String protocol : Kit.strings("classic", "consumer")) {
            KafkaConsumer<String, String> consumer = kit.consumer(
                "group.id", kit.name + "-" + protocol, "group.protocol", protocol);
            consumer.subscribe(List.of(topic));
            Kit.poll(consumer, 1);
        }
        Map<String, GroupListing> groups = Kit.get(kit.admin().listGroups().all()).stream()
            .collect(Collectors.toMap(GroupListing::groupId, one -> one));
        Kit.same(groups.get(kit.name + "-classic").type().get(), GroupType.CLASSIC);
        Kit.same(groups.get(kit.name + "-consumer").type().get(), GroupType.CONSUMER);
        Kit.same(groups.get(kit.name + "-consumer").protocol(), "consumer");
        Kit.check(Kit.get(kit.admin().listGroups(ListGroupsOptions.forConsumerGroups()).all())
            .size() >= 2, groups);
        Kit.same(Kit.get(kit.admin().listGroups(ListGroupsOptions.forShareGroups()).all()),
            List.of());
        ClassicGroupDescription classic = Kit.get(kit.admin().describeClassicGroups(
            List.of(kit.name + "-classic")).describedGroups().get(kit.name + "-classic"));
        Kit.same(classic.protocol(), "consumer");
        Kit.same(classic.protocolData(), "range");
        ConsumerGroupDescription described = Kit.get(kit.admin().describeConsumerGroups(
            List.of(kit.name + "-consumer")).describedGroups().get(kit.name + "-consumer"));
        Kit.check(described.groupEpoch().get() > 0, described);
        Kit.same(described.targetAssignmentEpoch(), described.groupEpoch());
        Kit.same(described.members().iterator().next().upgraded().get(), true);
    }

    @Case
    static void configurationResourcesAreListed(Kit kit) throws Exception {
        String topic = kit.topic(1);
        Set<ConfigResource> all = Set.copyOf(Kit.get(kit.admin().listConfigResources().all()));
        Kit.check(all.contains(new ConfigResource(ConfigResource.Type.TOPIC, topic)), all);
        Kit.check(all.contains(new ConfigResource(ConfigResource.Type.BROKER, "1")), all);
    }
}
