import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.ListConsumerGroupsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.LogDirNotFoundException;
import org.apache.kafka.common.errors.NoReassignmentInProgressException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;

class AdminCases {
    private static final ConfigResource BROKER =
        new ConfigResource(ConfigResource.Type.BROKER, "1");
    private static final ConfigResource ALL_BROKERS =
        new ConfigResource(ConfigResource.Type.BROKER, "");

    private static ConfigResource of(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static Config config(Kit kit, ConfigResource resource) throws Exception {
        return Kit.get(kit.admin().describeConfigs(List.of(resource)).all()).get(resource);
    }

    private static void alter(Kit kit, ConfigResource resource, Object... operations)
            throws Exception {
        Collection<AlterConfigOp> all = new ArrayList<>();
        for (int at = 0; at < operations.length; at += 3) {
            all.add(new AlterConfigOp(
                new ConfigEntry((String) operations[at + 1], (String) operations[at + 2]),
                (AlterConfigOp.OpType) operations[at]));
        }
        Kit.get(kit.admin().incrementalAlterConfigs(Map.of(resource, all)).all());
    }

    @Case
    static void topicsAreMadeDescribedGrownAndDeleted(Kit kit) throws Exception {
        CreateTopicsResult made = kit.admin().createTopics(List.of(
            new NewTopic(kit.name, 3, (short) 3).configs(Map.of("cleanup.policy", "compact"))));
        Kit.get(made.all());
        Uuid id = Kit.get(made.topicId(kit.name));
        Kit.same(Kit.get(made.numPartitions(kit.name)), 3);
        Kit.same(Kit.get(made.replicationFactor(kit.name)), 1);
        Kit.same(Kit.get(made.config(kit.name)).get("cleanup.policy").value(), "compact");

        TopicDescription topic = Kit.get(kit.admin().describeTopics(
            List.of(kit.name), new DescribeTopicsOptions().includeAuthorizedOperations(true))
            .allTopicNames()).get(kit.name);
        Kit.same(topic.topicId(), id);
        Kit.same(topic.isInternal(), false);
        Kit.same(topic.authorizedOperations(), Set.of(
            AclOperation.ALTER, AclOperation.ALTER_CONFIGS, AclOperation.CREATE,
            AclOperation.DELETE, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS,
            AclOperation.READ, AclOperation.WRITE));
        for (TopicPartitionInfo partition : topic.partitions()) {
            Kit.same(partition.leader().id(), 1);
            Kit.same(partition.replicas().size(), 1);
            Kit.same(partition.isr().size(), 1);
        }
        Kit.same(Kit.get(kit.admin().describeTopics(
            TopicCollection.ofTopicIds(List.of(id))).allTopicIds()).get(id).name(), kit.name);

        Kit.get(kit.admin().createPartitions(Map.of(kit.name, NewPartitions.increaseTo(5))).all());
        Kit.fails(InvalidPartitionsException.class, () -> Kit.get(kit.admin().createPartitions(
            Map.of(kit.name, NewPartitions.increaseTo(2))).all()));
        Kit.same(Kit.get(kit.admin().describeTopics(List.of(kit.name)).allTopicNames())
            .get(kit.name).partitions().size(), 5);

        Kit.check(Kit.get(kit.admin().listTopics().names()).contains(kit.name), "not listed");
        Kit.get(kit.admin().deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
        Kit.fails(UnknownTopicIdException.class, () -> Kit.get(
            kit.admin().describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds()));
        Kit.fails(UnknownTopicOrPartitionException.class, () -> Kit.get(
            kit.admin().describeTopics(List.of(kit.name)).allTopicNames()));
        Kit.fails(UnknownTopicOrPartitionException.class, () -> Kit.get(
            kit.admin().deleteTopics(List.of(kit.name)).all()));
    }

    @Case
    static void topicsThatCannotBeAreRefused(Kit kit) throws Exception {
        String topic = kit.topic(1);
        Kit.fails(TopicExistsException.class, () -> kit.topic(1));
        Kit.fails(InvalidTopicException.class, () -> kit.topic("no topic", 1));
        Kit.fails(InvalidPartitionsException.class, () -> kit.topic(topic + "-none", 0));
        Kit.fails(InvalidReplicaAssignmentException.class, () -> Kit.get(kit.admin().createTopics(
            List.of(new NewTopic(topic + "-far", Map.of(0, List.of(7))))).all()));
        Kit.fails(InvalidConfigurationException.class, () -> Kit.get(kit.admin().createTopics(
            List.of(new NewTopic(topic + "-set", 1, (short) 1).configs(Map.of("no.such", "1"))))
            .all()));
        Kit.get(kit.admin().createTopics(List.of(new NewTopic(topic + "-dry", 2, (short) 1)),
            new CreateTopicsOptions().validateOnly(true)).all());
        Kit.get(kit.admin().createTopics(List.of(
            new NewTopic(topic + "-default", Optional.empty(), Optional.empty()))).all());
        Set<String> names = Kit.get(kit.admin().listTopics().names());
        Kit.check(names.contains(topic + "-default") && !names.contains(topic + "-dry"), names);
    }

    @Case
    static void theClusterIsOneBrokerThatIsItsOwnController(Kit kit) throws Exception {
        DescribeClusterResult cluster = kit.admin().describeCluster(
            new DescribeClusterOptions().includeAuthorizedOperations(true));
        Kit.same(Kit.get(cluster.nodes()).size(), 1);
        Kit.same(Kit.get(cluster.controller()).id(), 1);
        Kit.same(Kit.get(cluster.clusterId()).length(), 22);
        Kit.same(Kit.get(cluster.authorizedOperations()), Set.of(
            AclOperation.ALTER, AclOperation.ALTER_CONFIGS, AclOperation.CLUSTER_ACTION,
            AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS,
            AclOperation.IDEMPOTENT_WRITE));

        QuorumInfo quorum = Kit.get(kit.admin().describeMetadataQuorum().quorumInfo());
        Kit.same(quorum.leaderId(), 1);
        Kit.same(quorum.voters().size(), 1);
        Kit.same(quorum.voters().get(0).replicaId(), 1);
        Kit.same(quorum.observers().size(), 0);

        FeatureMetadata features = Kit.get(kit.admin().describeFeatures().featureMetadata());
        Kit.check(features.supportedFeatures().containsKey("transaction.version"), features);
        Kit.check(features.finalizedFeaturesEpoch().isPresent(), features);
    }

    @Case
    static void topicConfigurationsChangeOneByOne(Kit kit) throws Exception {
        String topic = kit.topic(1);
        alter(kit, of(topic), AlterConfigOp.OpType.SET, "retention.ms", "60000",
            AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact");
        Config config = config(kit, of(topic));
        Kit.same(config.get("retention.ms").value(), "60000");
        Kit.same(config.get("retention.ms").source(),
            ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
        Kit.same(config.get("cleanup.policy").value(), "delete,compact");
        Kit.same(config.get("max.message.bytes").source(),
            ConfigEntry.ConfigSource.DEFAULT_CONFIG);
        alter(kit, of(topic), AlterConfigOp.OpType.DELETE, "retention.ms", null,
            AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "delete");
        config = config(kit, of(topic));
        Kit.same(config.get("retention.ms").value(), "604800000");
        Kit.same(config.get("cleanup.policy").value(), "compact");
        Kit.fails(InvalidConfigurationException.class, () -> {
            alter(kit, of(topic), AlterConfigOp.OpType.SET, "no.such.configuration", "1");
            return null;
        });
        Kit.fails(InvalidConfigurationException.class, () -> {
            alter(kit, of(topic), AlterConfigOp.OpType.SET, "retention.ms", "soon");
            return null;
        });
        Kit.fails(UnknownTopicOrPartitionException.class, () -> config(kit, of("nothing")));

        ConfigEntry entry = Kit.get(kit.admin().describeConfigs(List.of(of(topic)),
                new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true))
            .all()).get(of(topic)).get("segment.bytes");
        Kit.same(entry.type(), ConfigEntry.ConfigType.INT);
        Kit.check(!entry.documentation().isEmpty(), entry);
        Kit.check(entry.synonyms().stream().anyMatch(
            one -> one.name().equals("log.segment.bytes")), entry.synonyms());
    }

    @Case
    static void everyTopicConfigurationOfKafkaIsKnown(Kit kit) throws Exception {
        String topic = kit.topic(1);
        Config config = config(kit, of(topic));
        List<String> missing = new ArrayList<>();
        for (java.lang.reflect.Field field : TopicConfig.class.getFields()) {
            String name = (String) field.get(null);
            if (field.getName().endsWith("_CONFIG") && config.get(name) == null) missing.add(name);
        }
        // Down-conversion went with Kafka 4.0, what is of remote storage needs remote storage.
        missing.removeIf(name -> name.startsWith("message.downconversion")
            || name.startsWith("message.format") || name.startsWith("remote.")
            || name.startsWith("local.") || name.startsWith("message.timestamp.difference"));
        Kit.same(missing, List.of());
    }

    @Case
    static void brokerConfigurationsChange(Kit kit) throws Exception {
        String before = config(kit, BROKER).get("log.retention.ms").value();
        alter(kit, BROKER, AlterConfigOp.OpType.SET, "log.retention.ms", "86400000");
        ConfigEntry entry = config(kit, BROKER).get("log.retention.ms");
        Kit.same(entry.value(), "86400000");
        Kit.same(entry.source(), ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG);
        alter(kit, BROKER, AlterConfigOp.OpType.DELETE, "log.retention.ms", null);
        Kit.same(config(kit, BROKER).get("log.retention.ms").value(), before);
        Kit.same(Kit.get(kit.admin().describeConfigs(
                List.of(BROKER), new DescribeConfigsOptions().includeSynonyms(true)).all())
            .get(BROKER).get("log.retention.ms").synonyms().stream()
            .map(one -> one.name() + "=" + one.value()).collect(Collectors.toList()),
            Kit.strings("log.retention.hours=168"));

        alter(kit, ALL_BROKERS, AlterConfigOp.OpType.SET, "log.retention.ms", "7200000");
        Kit.same(config(kit, ALL_BROKERS).get("log.retention.ms").source(),
            ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG);
        Kit.same(config(kit, BROKER).get("log.retention.ms").value(), "7200000");
        alter(kit, ALL_BROKERS, AlterConfigOp.OpType.DELETE, "log.retention.ms", null);
        Kit.same(config(kit, BROKER).get("log.retention.ms").value(), before);
    }

    @Case
    static void replicationThrottlesAreSetAndCleared(Kit kit) throws Exception {
        // What kafka-reassign-partitions sets with --throttle and clears with --verify.
        String topic = kit.topic(1);
        String[] rates = {"leader.replication.throttled.rate",
            "follower.replication.throttled.rate", "replica.alter.log.dirs.io.max.bytes.per.second"};
        for (String rate : rates) {
            alter(kit, BROKER, AlterConfigOp.OpType.SET, rate, "1000000");
            Kit.same(config(kit, BROKER).get(rate).value(), "1000000");
            alter(kit, BROKER, AlterConfigOp.OpType.DELETE, rate, "");
            alter(kit, BROKER, AlterConfigOp.OpType.DELETE, rate, "");
        }
        for (String side : Kit.strings("leader", "follower")) {
            String name = side + ".replication.throttled.replicas";
            alter(kit, of(topic), AlterConfigOp.OpType.SET, name, "0:1");
            Kit.same(config(kit, of(topic)).get(name).value(), "0:1");
            alter(kit, of(topic), AlterConfigOp.OpType.DELETE, name, "");
            Kit.same(config(kit, of(topic)).get(name).value(), "");
        }
    }

    @Case
    static void everyOffsetSpecIsAnswered(Kit kit) throws Exception {
        String topic = kit.topic(2);
        TopicPartition place = new TopicPartition(topic, 0), empty = new TopicPartition(topic, 1);
        long now = System.currentTimeMillis();
        long[] times = {now - 5_000, now - 1_000, now - 3_000, now - 2_000};
        try (KafkaProducer<String, String> producer = kit.producer()) {
            for (long time : times) {
                producer.send(new ProducerRecord<>(topic, 0, time, null, "v")).get();
            }
        }
        Kit.get(kit.admin().deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(1))).all());
        Map<OffsetSpec, Long> expected = Map.of(
            OffsetSpec.earliest(), 1L, OffsetSpec.latest(), 4L, OffsetSpec.maxTimestamp(), 1L,
            OffsetSpec.forTimestamp(now - 2_500), 1L, OffsetSpec.forTimestamp(now), -1L,
            OffsetSpec.earliestLocal(), 1L, OffsetSpec.latestTiered(), -1L);
        for (Map.Entry<OffsetSpec, Long> one : expected.entrySet()) {
            ListOffsetsResultInfo info = Kit.get(
                kit.admin().listOffsets(Map.of(place, one.getKey())).partitionResult(place));
            Kit.check(info.offset() == one.getValue(), one.getKey().getClass() + " " + info);
        }
        Kit.same(Kit.get(kit.admin().listOffsets(Map.of(place, OffsetSpec.maxTimestamp()))
            .partitionResult(place)).timestamp(), now - 1_000);
        Kit.same(Kit.get(kit.admin().listOffsets(Map.of(empty, OffsetSpec.maxTimestamp()))
            .partitionResult(empty)).offset(), -1L);
        TopicPartition none = new TopicPartition(topic, 9);
        Kit.fails(org.apache.kafka.common.errors.TimeoutException.class, () -> Kit.get(
            kit.admin().listOffsets(Map.of(none, OffsetSpec.latest()),
                new org.apache.kafka.clients.admin.ListOffsetsOptions().timeoutMs(2_000))
            .partitionResult(none)));
    }

    @Case
    static void recordsAreDeleted(Kit kit) throws Exception {
        String topic = kit.topic(1);
        TopicPartition place = new TopicPartition(topic, 0);
        kit.write(topic, 0, Kit.numbered("v", 10));
        Kit.fails(OffsetOutOfRangeException.class, () -> Kit.get(kit.admin().deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(11))).all()));
        Kit.get(kit.admin().deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(3))).all());
        Kit.same(kit.read(topic, 0).get(0), "v3");
        Kit.same(Kit.get(kit.admin().deleteRecords(
            Map.of(place, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(place))
            .lowWatermark(), 10L);
    }

    @Case
    static void logDirectoriesShowSizes(Kit kit) throws Exception {
        String topic = kit.topic(1);
        TopicPartition place = new TopicPartition(topic, 0);
        kit.write(topic, 0, Kit.numbered("v", 10));
        Map<String, LogDirDescription> directories = Kit.get(
            kit.admin().describeLogDirs(List.of(1)).allDescriptions()).get(1);
        Kit.same(directories.size(), 1);
        Map.Entry<String, LogDirDescription> only = directories.entrySet().iterator().next();
        Kit.same(only.getValue().error(), null);
        Kit.check(only.getValue().totalBytes().getAsLong() > 0, only);
        Kit.check(only.getValue().usableBytes().getAsLong() > 0, only);
        ReplicaInfo replica = only.getValue().replicaInfos().get(place);
        Kit.check(replica.size() > 100 && replica.offsetLag() == 0 && !replica.isFuture(), replica);
        TopicPartitionReplica name = new TopicPartitionReplica(topic, 0, 1);
        Kit.same(Kit.get(kit.admin().describeReplicaLogDirs(List.of(name)).values().get(name))
            .getCurrentReplicaLogDir(), only.getKey());
        Kit.get(kit.admin().alterReplicaLogDirs(Map.of(name, only.getKey())).all());
        Kit.fails(LogDirNotFoundException.class, () -> Kit.get(
            kit.admin().alterReplicaLogDirs(Map.of(name, "/nowhere")).all()));
    }

    @Case
    static void consumerGroupsAreDescribedAndTheirOffsetsChanged(Kit kit) throws Exception {
        for (GroupType type : List.of(GroupType.CLASSIC, GroupType.CONSUMER)) {
            group(kit, type, kit.name + "-" + type.toString().toLowerCase());
        }
    }

    private static void group(Kit kit, GroupType type, String group) throws Exception {
        String topic = kit.topic(group, 2);
        TopicPartition place = new TopicPartition(topic, 0), other = new TopicPartition(topic, 1);
        kit.write(topic, 0, Kit.numbered("v", 5));
        KafkaConsumer<String, String> consumer = kit.consumer(
            "group.id", group, "client.id", "someone", "group.protocol",
            type.toString().toLowerCase());
        consumer.subscribe(List.of(topic));
        Kit.poll(consumer, 5);
        Kit.until("both partitions", () -> {
            consumer.poll(Duration.ofMillis(100));
            return consumer.assignment().size() == 2;
        });
        consumer.commitSync();

        ConsumerGroupDescription found = Kit.get(kit.admin().describeConsumerGroups(
            List.of(group), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true))
            .describedGroups().get(group));
        Kit.same(found.type(), type);
        Kit.same(found.state().toString(), "Stable");
        Kit.same(found.partitionAssignor(), type == GroupType.CLASSIC ? "range" : "uniform");
        Kit.same(found.coordinator().id(), 1);
        Kit.check(found.authorizedOperations().containsAll(Set.of(
            AclOperation.DELETE, AclOperation.DESCRIBE, AclOperation.READ)), found);
        MemberDescription member = found.members().iterator().next();
        Kit.same(member.clientId(), "someone");
        Kit.same(member.host(), "/127.0.0.1");
        Kit.same(member.assignment().topicPartitions(), Set.of(place, other));

        Map<String, ConsumerGroupListing> listed = Kit.get(kit.admin().listConsumerGroups(
                new ListConsumerGroupsOptions().withTypes(Set.of(type))).all())
            .stream().collect(Collectors.toMap(ConsumerGroupListing::groupId, one -> one));
        Kit.same(listed.get(group).type().get(), type);
        Kit.same(listed.get(group).state().get().toString(), "Stable");
        Kit.check(!listed.get(group).isSimpleConsumerGroup(), listed);

        Kit.same(Kit.get(kit.admin().listConsumerGroupOffsets(group)
            .partitionsToOffsetAndMetadata()).get(place).offset(), 5L);
        Kit.fails(UnknownMemberIdException.class, () -> Kit.get(kit.admin()
            .alterConsumerGroupOffsets(group, Map.of(place, new OffsetAndMetadata(2))).all()));
        Kit.fails(GroupNotEmptyException.class, () -> Kit.get(
            kit.admin().deleteConsumerGroups(List.of(group)).all()));
        Kit.fails(GroupSubscribedToTopicException.class, () -> Kit.get(
            kit.admin().deleteConsumerGroupOffsets(group, Set.of(place))
                .partitionResult(place)));
        consumer.close();

        Kit.get(kit.admin().alterConsumerGroupOffsets(
            group, Map.of(place, new OffsetAndMetadata(2, "back"))).all());
        Kit.same(Kit.get(kit.admin().listConsumerGroupOffsets(group)
            .partitionsToOffsetAndMetadata()).get(place), new OffsetAndMetadata(2, "back"));
        Kit.get(kit.admin().deleteConsumerGroupOffsets(group, Set.of(place)).all());
        Kit.check(!Kit.get(kit.admin().listConsumerGroupOffsets(group)
            .partitionsToOffsetAndMetadata()).containsKey(place), "a deleted offset");
        Kit.same(Kit.get(kit.admin().describeConsumerGroups(List.of(group)).describedGroups()
            .get(group)).state().toString(), "Empty");
        Kit.get(kit.admin().deleteConsumerGroups(List.of(group)).all());
        Kit.fails(GroupIdNotFoundException.class, () -> Kit.get(
            kit.admin().deleteConsumerGroups(List.of(group)).all()));
    }

    @Case
    static void membersAreRemoved(Kit kit) throws Exception {
        String topic = kit.topic(1);
        KafkaConsumer<String, String> consumer = kit.consumer(
            "group.id", kit.name, "group.instance.id", "here");
        consumer.subscribe(List.of(topic));
        Kit.until("the partition", () -> {
            consumer.poll(Duration.ofMillis(100));
            return consumer.assignment().size() == 1;
        });
        Kit.get(kit.admin().removeMembersFromConsumerGroup(kit.name,
            new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("here")))).all());
        Kit.same(Kit.get(kit.admin().describeConsumerGroups(List.of(kit.name))
            .describedGroups().get(kit.name)).members().size(), 0);

        KafkaConsumer<String, String> nameless = kit.consumer("group.id", kit.name);
        nameless.subscribe(List.of(topic));
        Kit.until("the partition", () -> {
            nameless.poll(Duration.ofMillis(100));
            return nameless.assignment().size() == 1;
        });
        // Without names it is all of them.
        Kit.get(kit.admin().removeMembersFromConsumerGroup(kit.name,
            new RemoveMembersFromConsumerGroupOptions()).all());
        Kit.same(Kit.get(kit.admin().describeConsumerGroups(List.of(kit.name))
            .describedGroups().get(kit.name)).members().size(), 0);
    }

    @Case
    static void quotasAreSetFoundAndRemoved(Kit kit) throws Exception {
        ClientQuotaEntity entity = new ClientQuotaEntity(
            Map.of(ClientQuotaEntity.CLIENT_ID, kit.name));
        Kit.get(kit.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(
            new ClientQuotaAlteration.Op("producer_byte_rate", 1_000_000.0),
            new ClientQuotaAlteration.Op("request_percentage", 80.0))))).all());
        ClientQuotaFilter filter = ClientQuotaFilter.containsOnly(List.of(
            ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.CLIENT_ID, kit.name)));
        Kit.same(Kit.get(kit.admin().describeClientQuotas(filter).entities()),
            Map.of(entity, Map.of("producer_byte_rate", 1_000_000.0, "request_percentage", 80.0)));
        Kit.get(kit.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(
            new ClientQuotaAlteration.Op("producer_byte_rate", null),
            new ClientQuotaAlteration.Op("request_percentage", null))))).all());
        Kit.same(Kit.get(kit.admin().describeClientQuotas(filter).entities()), Map.of());

        Map<String, String> nobody = new HashMap<>();
        nobody.put(ClientQuotaEntity.CLIENT_ID, null);
        ClientQuotaEntity standard = new ClientQuotaEntity(nobody);
        Kit.get(kit.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(standard, List.of(
            new ClientQuotaAlteration.Op("consumer_byte_rate", 1e9))))).all());
        Kit.same(Kit.get(kit.admin().describeClientQuotas(ClientQuotaFilter.contains(List.of(
            ClientQuotaFilterComponent.ofDefaultEntity(ClientQuotaEntity.CLIENT_ID)))).entities()),
            Map.of(standard, Map.of("consumer_byte_rate", 1e9)));
        Kit.get(kit.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(standard, List.of(
            new ClientQuotaAlteration.Op("consumer_byte_rate", null))))).all());
        // kafka-configs asks for those of addresses too.
        Kit.same(Kit.get(kit.admin().describeClientQuotas(ClientQuotaFilter.contains(List.of(
            ClientQuotaFilterComponent.ofEntityType(ClientQuotaEntity.IP)))).entities()),
            Map.of());
    }

    @Case
    static void leadersAndReplicasStayWhereTheyAre(Kit kit) throws Exception {
        String topic = kit.topic(2);
        TopicPartition place = new TopicPartition(topic, 0);
        TopicPartition none = new TopicPartition("nothing", 0);
        Map<TopicPartition, Optional<Throwable>> elected = Kit.get(kit.admin().electLeaders(
            ElectionType.PREFERRED, Set.of(place, none)).partitions());
        Kit.same(elected.get(place).get().getClass(), ElectionNotNeededException.class);
        Kit.same(elected.get(none).get().getClass(), UnknownTopicOrPartitionException.class);
        Kit.same(Kit.get(
            kit.admin().electLeaders(ElectionType.PREFERRED, null).partitions()), Map.of());

        Kit.get(kit.admin().alterPartitionReassignments(Map.of(
            place, Optional.of(new NewPartitionReassignment(List.of(1))))).all());
        Kit.same(Kit.get(kit.admin().listPartitionReassignments().reassignments()), Map.of());
        Kit.fails(NoReassignmentInProgressException.class, () -> Kit.get(
            kit.admin().alterPartitionReassignments(Map.of(place, Optional.empty())).all()));
        Kit.fails(InvalidReplicaAssignmentException.class, () -> Kit.get(
            kit.admin().alterPartitionReassignments(Map.of(
                place, Optional.of(new NewPartitionReassignment(List.of(2))))).all()));
    }

    @Case
    static void accessControlIsSaidToBeOff(Kit kit) throws Exception {
        Kit.fails(SecurityDisabledException.class,
            () -> Kit.get(kit.admin().describeAcls(AclBindingFilter.ANY).values()));
        Kit.fails(SecurityDisabledException.class,
            () -> Kit.get(kit.admin().deleteAcls(List.of(AclBindingFilter.ANY)).all()));
        Kit.same(Kit.get(kit.admin().describeUserScramCredentials().all()), Map.of());
    }

    @Case
    static void internalTopicsAreMarked(Kit kit) throws Exception {
        String topic = kit.topic(1);
        kit.write(topic, 0, "v");
        try (KafkaConsumer<String, String> consumer = kit.consumer("group.id", kit.name)) {
            consumer.subscribe(List.of(topic));
            Kit.poll(consumer, 1);
            consumer.commitSync();
        }
        Kit.check(!Kit.get(kit.admin().listTopics().names()).contains("__consumer_offsets"),
            "listed");
        Kit.check(Kit.get(kit.admin().listTopics(
            new ListTopicsOptions().listInternal(true)).namesToListings())
            .get("__consumer_offsets").isInternal(), "not internal");
    }
}
