// kafka-go behind the verbs of the tests:
//
//	kafkago write BOOTSTRAP TOPIC CODEC [conn]      events of partition 0 from the standard input
//	kafkago read BOOTSTRAP TOPIC PARTITION
//	kafkago member BOOTSTRAP GROUP TOPIC
//	kafkago admin BOOTSTRAP TOPIC GROUP
//	kafkago transaction BOOTSTRAP TOPIC GROUP ID
//
// With "conn", events are written through the older Conn and not the Writer.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"varve/events"
)

var background = context.Background()

var codecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}

func messages() []kafka.Message {
	var all []kafka.Message
	for _, e := range events.Read() {
		message := kafka.Message{Key: e.Key, Value: e.Value, Time: e.Time()}
		for _, header := range e.Headers {
			message.Headers = append(
				message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
		all = append(all, message)
	}
	return all
}

func write(bootstrap, topic, codec string) {
	writer := &kafka.Writer{
		Addr: kafka.TCP(bootstrap), Topic: topic, RequiredAcks: kafka.RequireAll,
		Balancer:    kafka.BalancerFunc(func(kafka.Message, ...int) int { return 0 }),
		Compression: codecs[codec], BatchTimeout: 10 * time.Millisecond, BatchBytes: 1 << 20,
		Completion: func(written []kafka.Message, err error) {
			events.Check(err)
			for _, message := range written {
				events.Write(events.Event{
					Partition: int32(message.Partition), Offset: message.Offset, Timestamp: -1})
			}
		},
	}
	events.Check(writer.WriteMessages(background, messages()...))
	events.Check(writer.Close())
}

func writeByConnection(bootstrap, topic, codec string) {
	conn, err := kafka.DialLeader(background, "tcp", bootstrap, topic, 0)
	events.Check(err)
	all := messages()
	var codecOrNone kafka.CompressionCodec
	if codec != "none" {
		codecOrNone = codecs[codec].Codec()
	}
	_, partition, offset, _, err := conn.WriteCompressedMessagesAt(codecOrNone, all...)
	events.Check(err)
	for i := range all {
		events.Write(events.Event{
			Partition: partition, Offset: offset + int64(i), Timestamp: -1})
	}
	events.Check(conn.Close())
}

func event(message kafka.Message) events.Event {
	e := events.Event{
		Partition: int32(message.Partition), Offset: message.Offset,
		Timestamp: message.Time.UnixMilli(), Key: message.Key, Value: message.Value}
	for _, header := range message.Headers {
		e.Headers = append(e.Headers, events.Header{Name: header.Key, Value: header.Value})
	}
	return e
}

func read(bootstrap, topic string, partition int) {
	conn, err := kafka.DialLeader(background, "tcp", bootstrap, topic, partition)
	events.Check(err)
	_, end, err := conn.ReadOffsets()
	events.Check(err)
	events.Check(conn.Close())
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{bootstrap}, Topic: topic, Partition: partition,
		MaxWait: 200 * time.Millisecond, MaxBytes: 4 << 20})
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	for next := int64(0); next < end; {
		message, err := reader.ReadMessage(ctx)
		events.Check(err)
		events.Write(event(message))
		next = message.Offset + 1
	}
	events.Check(reader.Close())
}

func member(bootstrap, group, topic string) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{bootstrap}, GroupID: group, Topic: topic, MaxWait: 100 * time.Millisecond,
		HeartbeatInterval: 300 * time.Millisecond, SessionTimeout: 2 * time.Second,
		RebalanceTimeout: 5 * time.Second, JoinGroupBackoff: 100 * time.Millisecond,
		StartOffset: kafka.FirstOffset})
	ctx, stop := signal.NotifyContext(background, syscall.SIGTERM)
	defer stop()
	for {
		message, err := reader.FetchMessage(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		events.Check(err)
		events.Say("event", message.Partition, message.Offset, string(message.Value))
		if err := reader.CommitMessages(ctx, message); err != nil {
			events.Say("commit-failed", err)
		}
	}
	events.Check(reader.Close())
	events.Say("closed")
}

func first(errors map[string]error) error {
	for _, err := range errors {
		if err != nil {
			return err
		}
	}
	return nil
}

func admin(bootstrap, topic, group string) {
	outcome := map[string]any{}
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: 10 * time.Second}
	versions, err := client.ApiVersions(background, &kafka.ApiVersionsRequest{})
	events.Check(err)
	outcome["apis"] = len(versions.ApiKeys)
	wanted := kafka.TopicConfig{
		Topic: topic, NumPartitions: 2, ReplicationFactor: 3,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "60000"}}}
	create := func() error {
		created, err := client.CreateTopics(
			background, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{wanted}})
		events.Check(err)
		return created.Errors[topic]
	}
	events.Check(create())
	outcome["again"] = errors.Is(create(), kafka.TopicAlreadyExists)
	grown, err := client.CreatePartitions(background, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 3}}})
	events.Check(err)
	events.Check(first(grown.Errors))
	// Not by the client's metadata, which it keeps for a while.
	conn, err := kafka.Dial("tcp", bootstrap)
	events.Check(err)
	partitions, err := conn.ReadPartitions(topic)
	events.Check(err)
	outcome["partitions"] = len(partitions)
	events.Check(conn.Close())
	metadata, err := client.Metadata(
		background, &kafka.MetadataRequest{Topics: []string{topic, "nowhere"}})
	events.Check(err)
	outcome["brokers"], outcome["controller"] = len(metadata.Brokers), metadata.Controller.ID
	outcome["cluster id"] = len(metadata.ClusterID)
	for _, found := range metadata.Topics {
		outcome["unknown "+found.Name] = errors.Is(found.Error, kafka.UnknownTopicOrPartition)
	}
	altered, err := client.IncrementalAlterConfigs(
		background, &kafka.IncrementalAlterConfigsRequest{
			Resources: []kafka.IncrementalAlterConfigsRequestResource{{
				ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
				Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
					Name: "retention.ms", Value: "120000",
					ConfigOperation: kafka.ConfigOperationSet}}}}})
	events.Check(err)
	events.Check(altered.Resources[0].Error)
	configs, err := client.DescribeConfigs(background, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			ConfigNames: []string{"retention.ms"}}}})
	events.Check(err)
	entry := configs.Resources[0].ConfigEntries[0]
	outcome["config "+entry.ConfigName] = entry.ConfigValue
	produced, err := client.Produce(background, &kafka.ProduceRequest{
		Topic: topic, Partition: 0, RequiredAcks: kafka.RequireAll, Compression: kafka.Gzip,
		Records: kafka.NewRecordReader(
			kafka.Record{Value: kafka.NewBytes([]byte("a")), Time: time.UnixMilli(1000)},
			kafka.Record{Value: kafka.NewBytes([]byte("b")), Time: time.UnixMilli(2000)})})
	events.Check(err)
	events.Check(produced.Error)
	fetched, err := client.Fetch(background, &kafka.FetchRequest{
		Topic: topic, Partition: 0, Offset: 1, MinBytes: 1, MaxBytes: 1 << 20,
		MaxWait: time.Second})
	events.Check(err)
	outcome["high watermark"] = fetched.HighWatermark
	for {
		record, err := fetched.Records.ReadRecord()
		if err != nil {
			break
		}
		outcome["fetched"] = record.Offset
	}
	offsets, err := client.ListOffsets(background, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {
			kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0),
			kafka.TimeOffsetOf(0, time.UnixMilli(1500))}}})
	events.Check(err)
	found := offsets.Topics[topic][0]
	outcome["offsets"] = fmt.Sprint(found.FirstOffset, found.LastOffset, len(found.Offsets))
	committed, err := client.OffsetCommit(background, &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{
			topic: {{Partition: 0, Offset: 2, Metadata: "a note"}}}})
	events.Check(err)
	events.Check(committed.Topics[topic][0].Error)
	kept, err := client.OffsetFetch(background, &kafka.OffsetFetchRequest{
		GroupID: group, Topics: map[string][]int{topic: {0, 1}}})
	events.Check(err)
	for _, partition := range kept.Topics[topic] {
		outcome[fmt.Sprint("committed ", partition.Partition)] =
			fmt.Sprint(partition.CommittedOffset, partition.Metadata)
	}
	groups, err := client.ListGroups(background, &kafka.ListGroupsRequest{})
	events.Check(err)
	for _, listed := range groups.Groups {
		if listed.GroupID == group {
			outcome["group listed"] = true
		}
	}
	described, err := client.DescribeGroups(
		background, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	events.Check(err)
	outcome["group state"] = described.Groups[0].GroupState
	deletedOffsets, err := client.OffsetDelete(background, &kafka.OffsetDeleteRequest{
		GroupID: group, Topics: map[string][]int{topic: {0}}})
	events.Check(err)
	events.Check(deletedOffsets.Topics[topic][0].Error)
	elected, err := client.ElectLeaders(background, &kafka.ElectLeadersRequest{
		Topic: topic, Partitions: []int{0}})
	events.Check(err)
	outcome["election"] = fmt.Sprint(elected.PartitionResults[0].Error)
	quotas, err := client.DescribeClientQuotas(background, &kafka.DescribeClientQuotasRequest{})
	events.Check(err)
	outcome["quotas"] = len(quotas.Entries)
	rules, err := client.DescribeACLs(background, &kafka.DescribeACLsRequest{
		Filter: kafka.ACLFilter{
			ResourceTypeFilter: kafka.ResourceTypeAny, PermissionType: kafka.ACLPermissionTypeAny,
			ResourcePatternTypeFilter: kafka.PatternTypeAny,
			Operation:                 kafka.ACLOperationTypeAny}})
	events.Check(err)
	outcome["rules"] = errors.Is(rules.Error, kafka.SecurityDisabled)
	deletedGroups, err := client.DeleteGroups(
		background, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	events.Check(err)
	// The last offset went, and with it the group.
	outcome["group deleted"] = fmt.Sprint(deletedGroups.Errors[group])
	deleted, err := client.DeleteTopics(
		background, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	events.Check(err)
	events.Check(first(deleted.Errors))
	events.Report(outcome)
}

// transaction writes two events and commits an offset in one transaction, and two more that it
// aborts.
func transaction(bootstrap, topic, group, id string) {
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: 10 * time.Second}
	initial, err := client.InitProducerID(background, &kafka.InitProducerIDRequest{
		TransactionalID: id, TransactionTimeoutMs: 30_000, ProducerID: -1, ProducerEpoch: -1})
	events.Check(err)
	events.Check(initial.Error)
	producer := initial.Producer
	outcome := map[string]any{"epoch": producer.ProducerEpoch}
	for _, commit := range []bool{true, false} {
		added, err := client.AddPartitionsToTxn(background, &kafka.AddPartitionsToTxnRequest{
			TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch,
			Topics:        map[string][]kafka.AddPartitionToTxn{topic: {{Partition: 0}}}})
		events.Check(err)
		events.Check(added.Topics[topic][0].Error)
		offsets, err := client.AddOffsetsToTxn(background, &kafka.AddOffsetsToTxnRequest{
			TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, GroupID: group})
		events.Check(err)
		events.Check(offsets.Error)
		offset := int64(5)
		if !commit {
			offset = 9
		}
		committed, err := client.TxnOffsetCommit(background, &kafka.TxnOffsetCommitRequest{
			TransactionalID: id, GroupID: group, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, GenerationID: -1,
			Topics: map[string][]kafka.TxnOffsetCommit{topic: {{Partition: 0, Offset: offset}}}})
		events.Check(err)
		events.Check(committed.Topics[topic][0].Error)
		ended, err := client.EndTxn(background, &kafka.EndTxnRequest{
			TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, Committed: commit})
		events.Check(err)
		events.Check(ended.Error)
	}
	events.Report(outcome)
}

func main() {
	verb, bootstrap, rest := os.Args[1], os.Args[2], os.Args[3:]
	switch verb {
	case "write":
		if len(rest) > 2 && rest[2] == "conn" {
			writeByConnection(bootstrap, rest[0], rest[1])
		} else {
			write(bootstrap, rest[0], rest[1])
		}
	case "read":
		var partition int
		_, err := fmt.Sscan(rest[1], &partition)
		events.Check(err)
		read(bootstrap, rest[0], partition)
	case "member":
		member(bootstrap, rest[0], rest[1])
	case "admin":
		admin(bootstrap, rest[0], rest[1])
	case "transaction":
		transaction(bootstrap, rest[0], rest[1], rest[2])
	}
	events.Flush()
}
