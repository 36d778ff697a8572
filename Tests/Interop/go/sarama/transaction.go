//go:build newer

package main

import (
	"github.com/Shopify/sarama"
	"varve/events"
)

// transaction writes an event and commits an offset in one transaction, and another that it
// aborts; then a second producer of the id fences the first.
func transaction(config *sarama.Config, bootstrap, topic, group string) {
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = topic
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	events.Check(err)
	send := func(producer sarama.SyncProducer, value string) error {
		_, _, err := producer.SendMessage(
			&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
		return err
	}
	for _, value := range []string{"committed", "aborted"} {
		events.Check(producer.BeginTxn())
		events.Check(send(producer, value))
		offset := int64(5)
		if value == "aborted" {
			offset = 9
		}
		events.Check(producer.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{
			topic: {{Partition: 0, Offset: offset}}}, group))
		if value == "committed" {
			events.Check(producer.CommitTxn())
		} else {
			events.Check(producer.AbortTxn())
		}
	}
	second, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	events.Check(err)
	events.Check(second.BeginTxn())
	events.Check(send(second, "second"))
	events.Check(second.CommitTxn())
	outcome := map[string]any{"fenced": false}
	if producer.BeginTxn() != nil || send(producer, "too late") != nil {
		outcome["fenced"] = true
	}
	events.Check(second.Close())
	admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config)
	events.Check(err)
	kept, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	events.Check(err)
	outcome["offset"] = kept.GetBlock(topic, 0).Offset
	events.Report(outcome)
}

func init() {
	verbs["transaction"] = transaction
}
