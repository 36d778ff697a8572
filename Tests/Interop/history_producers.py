"""Producers without transactions that write a history: confluent-kafka, kafka-python, aiokafka."""
import asyncio
import random
import time

import aiokafka
import confluent_kafka
import kafka

from history import Process
from history_client import Client, padded

# Between two sends of a producer, in seconds.
PAUSE = 0.003


class Producer(Client):
    """Sends one value after another to places of its choice.

    `errors` are what the client says of sends; none is expected where it repeats until it knows.
    """

    def __init__(self, world, name, topics, acks, idempotent):
        # Without numbers a repeated batch is there twice, and several under way change places.
        super().__init__(world, Process(name, once=idempotent, ordered=idempotent))
        self.places, self.acks, self.idempotent = world.places(*topics), acks, idempotent
        self.random = random.Random(world.chance.random())
        self.errors = []

    def begin(self):
        return self.history.send(self.process, self.random.choice(self.places), self.value())

    def finish(self):
        super().finish()
        assert not self.errors, f"{self.process.name}: {len(self.errors)}, {self.errors[:3]}"


class ConfluentProducer(Producer):
    def work(self):
        producer = confluent_kafka.Producer({
            "bootstrap.servers": self.world.bootstrap, "acks": self.acks, "linger.ms": 2,
            "enable.idempotence": self.idempotent, "batch.num.messages": 50,
            "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50, "log_level": 0,
            "message.timeout.ms": 120_000, "socket.timeout.ms": 10_000})
        while not self.stopping:
            send = self.begin()
            producer.produce(send.place[0], padded(send.value), partition=send.place[1],
                             on_delivery=self.answered(send))
            producer.poll(PAUSE)
        assert producer.flush(150) == 0

    def answered(self, send):
        def done(error, message):
            if error is None:
                # librdkafka's way to say that it was told none.
                unknown = message.offset() == confluent_kafka.OFFSET_INVALID
                send.acknowledge(None if unknown else message.offset())
            else:
                send.end("info")
                self.errors.append(str(error))
        return done


class KafkaPythonProducer(Producer):
    def work(self):
        producer = kafka.KafkaProducer(
            bootstrap_servers=self.world.bootstrap, acks=self.acks, linger_ms=2, batch_size=2048,
            enable_idempotence=self.idempotent, retry_backoff_ms=50, reconnect_backoff_max_ms=200,
            delivery_timeout_ms=120_000, request_timeout_ms=10_000, max_block_ms=60_000)
        while not self.stopping:
            send = self.begin()
            future = producer.send(send.place[0], padded(send.value), partition=send.place[1])
            future.add_callback(lambda answer, send=send: send.acknowledge(answer.offset))
            future.add_errback(lambda error, send=send: self.failed(send, error))
            time.sleep(PAUSE)
        producer.flush(timeout=150)
        producer.close(timeout=10)

    def failed(self, send, error):
        send.end("info")
        self.errors.append(repr(error))


class AioKafkaProducer(Producer):
    def work(self):
        asyncio.run(self.work_in_loop())

    async def work_in_loop(self):
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self.world.bootstrap, acks=self.acks, linger_ms=2,
            enable_idempotence=self.idempotent, retry_backoff_ms=50)
        await producer.start()
        answers = set()
        while not self.stopping:
            send = self.begin()
            future = await producer.send(
                send.place[0], padded(send.value), partition=send.place[1])
            answer = asyncio.ensure_future(self.answered(send, future))
            answers.add(answer)
            answer.add_done_callback(answers.discard)
            await asyncio.sleep(PAUSE)
        await asyncio.wait_for(asyncio.gather(*answers), 150)
        await producer.stop()

    async def answered(self, send, future):
        try:
            send.acknowledge((await future).offset)
        except Exception as error:
            send.end("info")
            self.errors.append(repr(error))
