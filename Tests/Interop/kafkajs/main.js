// KafkaJS behind the verbs of the tests:
//
//     main.js write BOOTSTRAP TOPIC CODEC          events from the standard input
//     main.js read BOOTSTRAP TOPIC PARTITION
//     main.js member BOOTSTRAP GROUP TOPIC
//     main.js transaction BOOTSTRAP TOPIC GROUP
//     main.js admin BOOTSTRAP TOPIC GROUP
//
// The lines are those of go/events/events.go.
'use strict'
const fs = require('fs')
const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')

const coded = bytes => (bytes === null ? '-' : 'x' + bytes.toString('hex'))
const decoded = text => (text === '-' ? null : Buffer.from(text.slice(1), 'hex'))

const headersOf = text => {
  const headers = {}
  for (const pair of text === '-' ? [] : text.split(',')) {
    const [name, value] = pair.split('=').map(decoded)
    headers[name] = [...(headers[name] || []), value]
  }
  return headers
}

const line = (partition, message) => {
  const headers = Object.entries(message.headers || {}).flatMap(([name, values]) =>
    [values].flat().map(value => `${coded(Buffer.from(name))}=${coded(value)}`))
  const fields = [partition, message.offset, message.timestamp, coded(message.key),
    coded(message.value), headers.join(',') || '-']
  return fields.join(' ') + '\n'
}

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

const until = async condition => {
  for (let turn = 0; !(await condition()); turn++) {
    if (turn > 300) throw new Error('not within 30 s')
    await pause(100)
  }
}

const using = async (client, work) => {
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.disconnect()
  }
}

const write = (kafka, topic, codec) =>
  using(kafka.producer({ idempotent: true, maxInFlightRequests: 1 }), async producer => {
    const messages = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean).map(text => {
      const [partition, , timestamp, key, value, headers] = text.split(' ')
      return {
        partition: Number(partition), key: decoded(key), value: decoded(value),
        headers: headersOf(headers), ...(timestamp === '-1' ? {} : { timestamp })
      }
    })
    const compression = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }[codec]
    const [written] = await producer.send({ topic, messages, compression, acks: -1 })
    for (const [index, { partition }] of messages.entries()) {
      const offset = BigInt(written.baseOffset) + BigInt(index)
      process.stdout.write(line(partition, { offset, timestamp: -1, key: null, value: null }))
    }
  })

const read = async (kafka, topic, partition) => {
  const ends = await using(kafka.admin(), admin => admin.fetchTopicOffsets(topic))
  const end = BigInt(ends.find(found => found.partition === Number(partition)).offset)
  // KafkaJS reads in groups only.
  await using(kafka.consumer({ groupId: `read-${process.pid}`, maxWaitTimeInMs: 100 }),
    async consumer => {
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      let next = 0n
      await consumer.run({
        eachBatch: async ({ batch, resolveOffset }) => {
          if (batch.partition !== Number(partition)) return
          for (const message of batch.messages) {
            process.stdout.write(line(batch.partition, message))
            resolveOffset(message.offset)
          }
          next = BigInt(batch.lastOffset()) + 1n
        }
      })
      await until(() => next >= end)
    })
}

const member = async (kafka, group, topic) => {
  const consumer = kafka.consumer({
    groupId: group, sessionTimeout: 2000, heartbeatInterval: 300, rebalanceTimeout: 5000,
    maxWaitTimeInMs: 100
  })
  const say = (...words) => process.stdout.write(words.join(' ') + '\n')
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    say('assigned', ...(payload.memberAssignment[topic] || []).sort()))
  consumer.on(consumer.events.REBALANCING, () => say('rebalancing'))
  process.on('SIGTERM', async () => {
    await consumer.disconnect()
    say('closed')
    process.exit(0)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 200,
    eachMessage: async ({ partition, message }) =>
      say('event', partition, message.offset, message.value)
  })
}

const transaction = async (kafka, topic, group) => {
  const producer = kafka.producer(
    { transactionalId: topic, maxInFlightRequests: 1, idempotent: true })
  await using(producer, async () => {
    for (const [value, offset] of [['committed', '5'], ['aborted', '9']]) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value, partition: 0 }] })
      await transaction.sendOffsets({
        consumerGroupId: group, topics: [{ topic, partitions: [{ partition: 0, offset }] }]
      })
      await (value === 'committed' ? transaction.commit() : transaction.abort())
    }
  })
  const [found] = await using(
    kafka.admin(), admin => admin.fetchOffsets({ groupId: group, topics: [topic] }))
  console.log(JSON.stringify({ offset: found.partitions[0].offset }))
}

const admin = (kafka, topic, group) =>
  using(kafka.admin(), async admin => {
    const outcome = {}
    const cluster = await admin.describeCluster()
    outcome.brokers = cluster.brokers.length
    outcome.controller = cluster.controller
    const configEntries = [{ name: 'retention.ms', value: '60000' }]
    const topics = [{ topic, numPartitions: 2, replicationFactor: 3, configEntries }]
    outcome.made = await admin.createTopics({ topics })
    outcome.again = await admin.createTopics({ topics })
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] })
    outcome.partitions = metadata.topics[0].partitions.length
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
    await admin.alterConfigs({
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '120000' }] }]
    })
    const described = await admin.describeConfigs({
      includeSynonyms: true, resources: [{ ...resource, configNames: ['retention.ms'] }]
    })
    const [entry] = described.resources[0].configEntries
    outcome.config = [entry.configValue, entry.configSynonyms.length]
    await using(kafka.producer(), producer =>
      producer.send({
        topic,
        messages: [...Array(10).keys()].map(
          number => ({ value: 'x', partition: 0, timestamp: String(1000 * number + 1) }))
      }))
    const [later] = (await admin.fetchTopicOffsetsByTimestamp(topic, 3500))
      .filter(found => found.partition === 0)
    outcome.later = later.offset
    await admin.setOffsets(
      { groupId: group, topic, partitions: [{ partition: 0, offset: '7' }] })
    const [kept] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    outcome.committed = kept.partitions.find(found => found.partition === 0).offset
    const { groups } = await admin.listGroups()
    outcome.listed = groups.some(found => found.groupId === group)
    outcome.state = (await admin.describeGroups([group])).groups[0].state
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
    const [offsets] = (await admin.fetchTopicOffsets(topic))
      .filter(found => found.partition === 0)
    outcome.range = [offsets.low, offsets.high]
    outcome.deleted = (await admin.deleteGroups([group]))[0].errorCode
    await admin.deleteTopics({ topics: [topic] })
    outcome.there = (await admin.listTopics()).includes(topic)
    console.log(JSON.stringify(outcome))
  })

const [verb, bootstrap, ...rest] = process.argv.slice(2)
const kafka = new Kafka({
  clientId: 'kafkajs-test', brokers: [bootstrap], logLevel: logLevel.NOTHING
})
const verbs = { write, read, member, transaction, admin }
verbs[verb](kafka, ...rest).catch(error => {
  console.error(error)
  process.exit(1)
})
