// franz-go behind the verbs of the tests:
//
//	franz write BOOTSTRAP TOPIC CODEC          events from the standard input
//	franz read BOOTSTRAP TOPIC PARTITION
//	franz member BOOTSTRAP GROUP TOPIC
//	franz copy BOOTSTRAP GROUP FROM TO         exactly once, until all of FROM is in TO
//	franz transaction BOOTSTRAP TOPIC ID       a committed transaction, an aborted one, a fenced one
//	franz admin BOOTSTRAP TOPIC GROUP
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"varve/events"
)

var background = context.Background()

func client(bootstrap string, options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.SeedBrokers(bootstrap), kgo.ClientID("franz-test"),
		kgo.FetchMaxWait(100*time.Millisecond))
	client, err := kgo.NewClient(options...)
	events.Check(err)
	return client
}

func write(bootstrap, topic, codec string) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
		"zstd": kgo.ZstdCompression()}
	client := client(bootstrap, kgo.ProducerBatchCompression(codecs[codec]),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation())
	var records []*kgo.Record
	for _, e := range events.Read() {
		record := &kgo.Record{
			Topic: topic, Partition: e.Partition, Key: e.Key, Value: e.Value, Timestamp: e.Time()}
		for _, header := range e.Headers {
			record.Headers = append(
				record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		records = append(records, record)
	}
	events.Check(client.ProduceSync(background, records...).FirstErr())
	client.Close()
	for _, record := range records {
		events.Write(events.Event{
			Partition: record.Partition, Offset: record.Offset,
			Timestamp: record.Timestamp.UnixMilli()})
	}
}

func event(record *kgo.Record) events.Event {
	e := events.Event{
		Partition: record.Partition, Offset: record.Offset,
		Timestamp: record.Timestamp.UnixMilli(), Key: record.Key, Value: record.Value}
	for _, header := range record.Headers {
		e.Headers = append(e.Headers, events.Header{Name: header.Key, Value: header.Value})
	}
	return e
}

// end is where readers of everything end.
func end(bootstrap, topic string, partition int32) int64 {
	admin := kadm.NewClient(client(bootstrap))
	defer admin.Close()
	ends, err := admin.ListEndOffsets(background, topic)
	events.Check(err)
	found, _ := ends.Lookup(topic, partition)
	events.Check(found.Err)
	return found.Offset
}

// committed is what a reader of committed records finds in a partition.
func committed(bootstrap, topic string, partition int32) []*kgo.Record {
	end := end(bootstrap, topic, partition)
	start := kgo.NewOffset().AtStart()
	client := client(bootstrap, kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: start}}))
	defer client.Close()
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	var all []*kgo.Record
	for next := int64(0); next < end; {
		fetches := client.PollFetches(ctx)
		events.Check(fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			next = record.Offset + 1
			if !record.Attrs.IsControl() {
				all = append(all, record)
			}
		})
	}
	return all
}

func words(first string, partitions map[string][]int32) []any {
	var all []int
	for _, owned := range partitions {
		for _, partition := range owned {
			all = append(all, int(partition))
		}
	}
	sort.Ints(all)
	words := []any{first}
	for _, partition := range all {
		words = append(words, partition)
	}
	return words
}

// member uses the client's default assignor, which is cooperative.
func member(bootstrap, group, topic string) {
	owned := map[string][]int32{}
	client := client(bootstrap, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.SessionTimeout(2*time.Second), kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, new map[string][]int32) {
			owned[topic] = append(owned[topic], new[topic]...)
			events.Say(words("assigned", owned)...)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, old map[string][]int32) {
			gone := map[int32]bool{}
			for _, partition := range old[topic] {
				gone[partition] = true
			}
			var left []int32
			for _, partition := range owned[topic] {
				if !gone[partition] {
					left = append(left, partition)
				}
			}
			owned[topic] = left
			events.Say(words("revoked", old)...)
		}))
	ctx, stop := signal.NotifyContext(background, syscall.SIGTERM)
	defer stop()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachRecord(func(record *kgo.Record) {
			events.Say("event", record.Partition, record.Offset, string(record.Value))
		})
		if err := client.CommitUncommittedOffsets(background); err != nil {
			events.Say("commit-failed", err)
		}
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
	events.Say("closed")
}

// copyAll copies one topic to another in transactions that hold the offsets as well.
func copyAll(bootstrap, group, from, to string) {
	wanted := end(bootstrap, from, 0)
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap), kgo.TransactionalID(group+"-"+to),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(from), kgo.DefaultProduceTopic(to),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.SessionTimeout(6*time.Second), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	events.Check(err)
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	defer cancel()
	copied, turns := 0, 0
	for next := int64(0); next < wanted; turns++ {
		fetches := session.PollRecords(ctx, 100)
		events.Check(ctx.Err())
		events.Check(fetches.Err())
		events.Check(session.Begin())
		problem := kgo.AbortingFirstErrPromise(session.Client())
		reached, count := next, 0
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, kgo.KeySliceRecord(record.Key, record.Value), problem.Promise())
			reached, count = record.Offset+1, count+1
		})
		// Every third is done again.
		isCommit := problem.Err() == nil && turns%3 != 1
		done, err := session.End(ctx, kgo.TransactionEndTry(isCommit))
		events.Check(err)
		if done {
			next, copied = reached, copied+count
		}
	}
	session.Close()
	events.Report(map[string]any{"copied": copied, "turns": turns})
}

func transaction(bootstrap, topic, id string) {
	outcome := map[string]any{}
	producer := func() *kgo.Client {
		return client(bootstrap, kgo.TransactionalID(id), kgo.DefaultProduceTopic(topic),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.TransactionTimeout(20*time.Second))
	}
	first := producer()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		events.Check(first.BeginTransaction())
		for i := 0; i < 3; i++ {
			record := kgo.StringRecord(fmt.Sprint(bool(end), i))
			events.Check(first.ProduceSync(background, record).FirstErr())
		}
		events.Check(first.EndTransaction(background, end))
	}
	admin := kadm.NewClient(client(bootstrap))
	described, err := admin.DescribeTransactions(background, id)
	events.Check(err)
	outcome["state"] = described[id].State
	// A second producer of the id takes over from a transaction under way.
	events.Check(first.BeginTransaction())
	events.Check(first.ProduceSync(background, kgo.StringRecord("fenced")).FirstErr())
	listed, err := admin.ListTransactions(background, nil, []string{"Ongoing"})
	events.Check(err)
	_, ongoing := listed[id]
	outcome["ongoing"] = ongoing
	producers, err := admin.DescribeProducers(background, kadm.TopicsSet{topic: {0: {}}})
	events.Check(err)
	outcome["producers"] = len(producers[topic].Partitions[0].ActiveProducers)
	second := producer()
	events.Check(second.BeginTransaction())
	events.Check(second.ProduceSync(background, kgo.StringRecord("second")).FirstErr())
	events.Check(second.EndTransaction(background, kgo.TryCommit))
	err = first.ProduceSync(background, kgo.StringRecord("too late")).FirstErr()
	outcome["fenced"] = errors.Is(err, kerr.InvalidProducerEpoch) ||
		errors.Is(err, kerr.ProducerFenced)
	first.Close()
	second.Close()
	var values []string
	for _, record := range committed(bootstrap, topic, 0) {
		values = append(values, string(record.Value))
	}
	outcome["values"] = values
	// A transaction that hangs is ended from outside.
	hanging := producer()
	events.Check(hanging.BeginTransaction())
	events.Check(hanging.ProduceSync(background, kgo.StringRecord("hangs")).FirstErr())
	described, err = admin.DescribeTransactions(background, id)
	events.Check(err)
	open := described[id]
	written, err := admin.WriteTxnMarkers(background, kadm.TxnMarkers{
		ProducerID: open.ProducerID, ProducerEpoch: open.ProducerEpoch, Commit: false,
		Topics: kadm.TopicsSet{topic: {0: {}}}})
	events.Check(err)
	for _, marker := range written {
		for _, partition := range marker.Topics[topic].Partitions {
			outcome["marker"] = fmt.Sprint(partition.Err)
		}
	}
	stable, err := admin.ListCommittedOffsets(background, topic)
	events.Check(err)
	last, _ := stable.Lookup(topic, 0)
	outcome["stable"] = last.Offset == end(bootstrap, topic, 0)
	hanging.Close()
	admin.Close()
	events.Report(outcome)
}

func admin(bootstrap, topic, group string) {
	outcome := map[string]any{}
	admin := kadm.NewClient(client(bootstrap))
	metadata, err := admin.BrokerMetadata(background)
	events.Check(err)
	outcome["brokers"], outcome["controller"] = len(metadata.Brokers), metadata.Controller
	outcome["cluster id"] = len(metadata.Cluster)
	minute := "60000"
	_, err = admin.CreateTopic(background, 2, 3, map[string]*string{"retention.ms": &minute}, topic)
	events.Check(err)
	_, err = admin.CreateTopic(background, 2, 3, nil, topic)
	outcome["again"] = errors.Is(err, kerr.TopicAlreadyExists)
	grown, err := admin.UpdatePartitions(background, 3, topic)
	events.Check(err)
	events.Check(grown[topic].Err)
	topics, err := admin.ListTopics(background, topic, "nowhere")
	events.Check(err)
	outcome["partitions"] = len(topics[topic].Partitions)
	outcome["unknown nowhere"] = errors.Is(topics["nowhere"].Err, kerr.UnknownTopicOrPartition)
	outcome["topic id"] = topics[topic].ID != kadm.TopicID{}
	changed := "120000"
	altered, err := admin.AlterTopicConfigs(
		background, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &changed}},
		topic)
	events.Check(err)
	events.Check(altered[0].Err)
	configs, err := admin.DescribeTopicConfigs(background, topic)
	events.Check(err)
	for _, config := range configs[0].Configs {
		if config.Key == "retention.ms" {
			outcome["config retention.ms"] = config.MaybeValue()
			outcome["synonyms"] = len(config.Synonyms)
		}
	}
	producer := client(bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := 0; i < 10; i++ {
		events.Check(producer.ProduceSync(background, &kgo.Record{
			Topic: topic, Value: []byte("x"), Timestamp: time.UnixMilli(int64(1000 * i)),
		}).FirstErr())
	}
	producer.Close()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 7, LeaderEpoch: -1, Metadata: "a note"})
	events.Check(admin.CommitAllOffsets(background, group, offsets))
	lags, err := admin.Lag(background, group)
	events.Check(err)
	lag, _ := lags[group].Lag.Lookup(topic, 0)
	outcome["lag"], outcome["group state"] = lag.Lag, lags[group].State
	outcome["note"] = lag.Commit.Metadata
	groups, err := admin.ListGroups(background)
	events.Check(err)
	_, found := groups[group]
	outcome["group listed"] = found
	many := admin.FetchManyOffsets(background, group, "no-such-group")
	outcome["offsets of groups"] = len(many[group].Fetched[topic])
	later, err := admin.ListOffsetsAfterMilli(background, 3500, topic)
	events.Check(err)
	after, _ := later.Lookup(topic, 0)
	outcome["after 3500"] = after.Offset
	var trims kadm.Offsets
	trims.Add(kadm.Offset{Topic: topic, Partition: 0, At: 4})
	trimmed, err := admin.DeleteRecords(background, trims)
	events.Check(err)
	low, _ := trimmed.Lookup(topic, 0)
	outcome["low watermark"] = low.LowWatermark
	epochs := kadm.OffsetForLeaderEpochRequest{}
	epochs.Add(topic, 0, 0)
	ends, err := admin.OffetForLeaderEpoch(background, epochs)
	events.Check(err)
	outcome["epoch's end"] = ends[topic][0].EndOffset
	directories, err := admin.DescribeAllLogDirs(background, kadm.TopicsSet{topic: {0: {}}})
	events.Check(err)
	for _, broker := range directories {
		for directory, described := range broker {
			outcome["size"] = described.Size() > 500
			moved, err := admin.AlterAllReplicaLogDirs(
				background, kadm.AlterReplicaLogDirsReq{directory: {topic: {0: {}}}})
			events.Check(err)
			moved.Each(func(moved kadm.AlterReplicaLogDirsResponse) {
				outcome["moved"] = fmt.Sprint(moved.Topic, moved.Partition, moved.Err)
			})
		}
	}
	elected, err := admin.ElectLeaders(
		background, kadm.ElectPreferredReplica, kadm.TopicsSet{topic: {0: {}}})
	events.Check(err)
	outcome["election"] = errors.Is(elected[topic][0].Err, kerr.ElectionNotNeeded)
	moving, err := admin.ListPartitionReassignments(background, nil)
	events.Check(err)
	outcome["moving"] = len(moving)
	rate := 1e6
	user := "somebody"
	quota := []kadm.ClientQuotaEntityComponent{{Type: "user", Name: &user}}
	set, err := admin.AlterClientQuotas(background, []kadm.AlterClientQuotaEntry{{
		Entity: quota, Ops: []kadm.AlterClientQuotaOp{
			{Key: "producer_byte_rate", Value: rate}}}})
	events.Check(err)
	events.Check(set[0].Err)
	quotas, err := admin.DescribeClientQuotas(background, false, []kadm.DescribeClientQuotaComponent{
		{Type: "user", MatchName: &user, MatchType: 0}})
	events.Check(err)
	outcome["quotas"] = len(quotas)
	_, err = admin.AlterClientQuotas(background, []kadm.AlterClientQuotaEntry{{
		Entity: quota, Ops: []kadm.AlterClientQuotaOp{
			{Key: "producer_byte_rate", Remove: true}}}})
	events.Check(err)
	deleted, err := admin.DeleteGroup(background, group)
	events.Check(err)
	events.Check(deleted.Err)
	_, err = admin.DeleteTopic(background, topic)
	events.Check(err)
	topics, err = admin.ListTopics(background, topic)
	events.Check(err)
	outcome["there"] = topics[topic].Err == nil
	versions, err := admin.ApiVersions(background)
	events.Check(err)
	for _, broker := range versions {
		outcome["version"] = broker.VersionGuess()
	}
	admin.Close()
	events.Report(outcome)
}

func main() {
	verb, bootstrap, rest := os.Args[1], os.Args[2], os.Args[3:]
	switch verb {
	case "write":
		write(bootstrap, rest[0], rest[1])
	case "read":
		var partition int32
		_, err := fmt.Sscan(rest[1], &partition)
		events.Check(err)
		for _, record := range committed(bootstrap, rest[0], partition) {
			events.Write(event(record))
		}
	case "member":
		member(bootstrap, rest[0], rest[1])
	case "copy":
		copyAll(bootstrap, rest[0], rest[1], rest[2])
	case "transaction":
		transaction(bootstrap, rest[0], rest[1])
	case "admin":
		admin(bootstrap, rest[0], rest[1])
	}
	events.Flush()
}
