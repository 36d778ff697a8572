// sarama behind the verbs of the tests:
//
//	sarama VERSION write BOOTSTRAP TOPIC CODEC [idempotent]      events from the standard input
//	sarama VERSION read BOOTSTRAP TOPIC PARTITION
//	sarama VERSION member BOOTSTRAP GROUP TOPIC
//	sarama VERSION admin BOOTSTRAP TOPIC GROUP
//	sarama VERSION transaction BOOTSTRAP TOPIC GROUP      with the build tag newer
//
// VERSION is the Kafka version that sarama is told to speak to, as Filebeat's `version`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"syscall"
	"time"

	"github.com/Shopify/sarama"
	"varve/events"
)

func configuration(version string) *sarama.Config {
	config := sarama.NewConfig()
	parsed, err := sarama.ParseKafkaVersion(version)
	events.Check(err)
	config.Version = parsed
	config.ClientID = "sarama-test"
	return config
}

func write(config *sarama.Config, bootstrap, topic, codec string, idempotent bool) {
	codecs := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4,
		"zstd": sarama.CompressionZSTD,
	}
	config.Producer.Compression = codecs[codec]
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.MaxMessageBytes = 1 << 20
	if idempotent {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	events.Check(err)
	var messages []*sarama.ProducerMessage
	for _, e := range events.Read() {
		message := &sarama.ProducerMessage{
			Topic: topic, Partition: e.Partition, Timestamp: e.Time()}
		if e.Key != nil {
			message.Key = sarama.ByteEncoder(e.Key)
		}
		if e.Value != nil {
			message.Value = sarama.ByteEncoder(e.Value)
		}
		for _, header := range e.Headers {
			message.Headers = append(message.Headers,
				sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		messages = append(messages, message)
	}
	events.Check(producer.SendMessages(messages))
	events.Check(producer.Close())
	for _, message := range messages {
		events.Write(events.Event{
			Partition: message.Partition, Offset: message.Offset,
			Timestamp: message.Timestamp.UnixMilli()})
	}
}

func event(message *sarama.ConsumerMessage) events.Event {
	e := events.Event{
		Partition: message.Partition, Offset: message.Offset,
		Timestamp: message.Timestamp.UnixMilli(), Key: message.Key, Value: message.Value}
	for _, header := range message.Headers {
		e.Headers = append(e.Headers, events.Header{Name: string(header.Key), Value: header.Value})
	}
	return e
}

func read(config *sarama.Config, bootstrap, topic string, partition int32) {
	client, err := sarama.NewClient([]string{bootstrap}, config)
	events.Check(err)
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	events.Check(err)
	consumer, err := sarama.NewConsumerFromClient(client)
	events.Check(err)
	messages, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	events.Check(err)
	for next := int64(0); next < end; {
		select {
		case message := <-messages.Messages():
			events.Write(event(message))
			next = message.Offset + 1
		case <-time.After(20 * time.Second):
			events.Check(fmt.Errorf("nothing after offset %d of %d", next, end))
		}
	}
	events.Check(messages.Close())
	events.Check(consumer.Close())
	events.Check(client.Close())
}

type member struct{}

func partitions(session sarama.ConsumerGroupSession) []any {
	var all []int
	for _, owned := range session.Claims() {
		for _, partition := range owned {
			all = append(all, int(partition))
		}
	}
	sort.Ints(all)
	words := make([]any, len(all))
	for i, partition := range all {
		words[i] = partition
	}
	return words
}

func (member) Setup(session sarama.ConsumerGroupSession) error {
	events.Say(append([]any{"assigned"}, partitions(session)...)...)
	return nil
}

func (member) Cleanup(session sarama.ConsumerGroupSession) error {
	events.Say(append([]any{"revoked"}, partitions(session)...)...)
	return nil
}

func (member) ConsumeClaim(
	session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim,
) error {
	for message := range claim.Messages() {
		events.Say("event", message.Partition, message.Offset, string(message.Value))
		session.MarkMessage(message, "")
	}
	return nil
}

func run(config *sarama.Config, bootstrap, group, topic string) {
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.CommitInterval = 200 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 2 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	members, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config)
	events.Check(err)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for ctx.Err() == nil {
		if err := members.Consume(ctx, []string{topic}, member{}); err != nil {
			events.Say("error", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
	events.Check(members.Close())
	events.Say("closed")
}

func admin(config *sarama.Config, bootstrap, topic, group string) {
	outcome := map[string]any{}
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config)
	events.Check(err)
	brokers, _, err := admin.DescribeCluster()
	events.Check(err)
	outcome["brokers"] = len(brokers)
	minute := "60000"
	detail := &sarama.TopicDetail{
		NumPartitions: 2, ReplicationFactor: 3,
		ConfigEntries: map[string]*string{"retention.ms": &minute}}
	events.Check(admin.CreateTopic(topic, detail, false))
	again := admin.CreateTopic(topic, detail, false)
	outcome["again"] = again.Error()
	events.Check(admin.CreatePartitions(topic, 3, nil, false))
	described, err := admin.DescribeTopics([]string{topic, "nowhere"})
	events.Check(err)
	for _, found := range described {
		outcome["topic "+found.Name] = fmt.Sprint(int16(found.Err), " ", len(found.Partitions))
	}
	listed, err := admin.ListTopics()
	events.Check(err)
	outcome["listed"] = listed[topic].NumPartitions
	changed := "120000"
	events.Check(admin.AlterConfig(
		sarama.TopicResource, topic, map[string]*string{"retention.ms": &changed}, false))
	configs, err := admin.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
	events.Check(err)
	for _, config := range configs {
		outcome["config "+config.Name] = config.Value
	}
	client, err := sarama.NewClient([]string{bootstrap}, config)
	events.Check(err)
	controller, err := client.Controller()
	events.Check(err)
	outcome["controller"] = controller.ID()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducerFromClient(client)
	events.Check(err)
	for i := 0; i < 10; i++ {
		_, _, err := producer.SendMessage(
			&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("x")})
		events.Check(err)
	}
	offsets, err := sarama.NewOffsetManagerFromClient(group, client)
	events.Check(err)
	place, err := offsets.ManagePartition(topic, 0)
	events.Check(err)
	place.MarkOffset(7, "a note")
	events.Check(place.Close())
	events.Check(offsets.Close())
	groups, err := admin.ListConsumerGroups()
	events.Check(err)
	_, found := groups[group]
	outcome["group listed"] = found
	states, err := admin.DescribeConsumerGroups([]string{group})
	events.Check(err)
	outcome["group state"] = states[0].State
	committed, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1}})
	events.Check(err)
	for partition := int32(0); partition < 2; partition++ {
		block := committed.GetBlock(topic, partition)
		outcome[fmt.Sprint("committed ", partition)] = fmt.Sprint(block.Offset, block.Metadata)
	}
	events.Check(admin.DeleteRecords(topic, map[int32]int64{0: 4}))
	start, err := client.GetOffset(topic, 0, sarama.OffsetOldest)
	events.Check(err)
	outcome["start"] = start
	coordinator, err := client.Coordinator(group)
	events.Check(err)
	deleted, err := coordinator.DeleteGroups(&sarama.DeleteGroupsRequest{Groups: []string{group}})
	events.Check(err)
	outcome["group deleted"] = int16(deleted.GroupErrorCodes[group])
	events.Check(admin.DeleteTopic(topic))
	events.Check(client.RefreshMetadata())
	topics, err := admin.ListTopics()
	events.Check(err)
	_, there := topics[topic]
	outcome["there"] = there
	events.Report(outcome)
}

// Verbs with a topic and a group; transactions are only in a newer sarama.
var verbs = map[string]func(*sarama.Config, string, string, string){"admin": admin}

func main() {
	config := configuration(os.Args[1])
	verb, bootstrap, rest := os.Args[2], os.Args[3], os.Args[4:]
	switch verb {
	case "write":
		write(config, bootstrap, rest[0], rest[1], len(rest) > 2 && rest[2] == "idempotent")
	case "read":
		var partition int32
		_, err := fmt.Sscan(rest[1], &partition)
		events.Check(err)
		read(config, bootstrap, rest[0], partition)
	case "member":
		run(config, bootstrap, rest[0], rest[1])
	default:
		verbs[verb](config, bootstrap, rest[0], rest[1])
	}
	events.Flush()
}
