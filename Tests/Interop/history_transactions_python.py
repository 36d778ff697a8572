"""Transactional producers of kafka-python and aiokafka that write a history."""
import asyncio
import concurrent.futures
import random
import threading

import aiokafka
import kafka

from history import READ_COMMITTED, Process, Transaction
from history_client import SECONDS, Client, padded


class PythonWriter(Client):
    """Commits most transactions and aborts some. Where one fails it begins anew with another
    producer of the same transactional id, which ends what the last one left open."""

    def __init__(self, world, name, topics):
        super().__init__(world, Process(name, isolation=READ_COMMITTED))
        self.places, self.random = world.places(*topics), random.Random(world.chance.random())
        self.errors = []

    def work(self):
        asyncio.run(self.work_in_loop())

    async def work_in_loop(self):
        producer = None
        while not self.stopping:
            transaction = Transaction(self.process)
            try:
                if producer is None:
                    producer = await self.open()
                self.history.add(transaction)
                await self.transact(producer, transaction)
            except Exception as error:
                self.errors.append(repr(error))
                transaction.error = repr(error)
                transaction.end("fail" if transaction.commit is None else "info")
                if producer is not None:
                    await self.close(producer)
                producer = None
        if producer is not None:
            await self.close(producer)

    async def transact(self, producer, transaction):
        await self.begin(producer)
        answers = []
        for _ in range(self.random.randint(1, 12)):
            place = self.random.choice(self.places)
            send = self.history.send(self.process, place, self.value(), transaction)
            answers.append((send, await self.send(producer, place, padded(send.value))))
        if self.random.random() < 0.3:
            await self.abort(producer)
            transaction.end("fail")
            return
        transaction.asks_commit()
        await self.commit(producer)
        transaction.end("ok")
        for send, answer in answers:
            send.acknowledge((await self.answer_of(answer)).offset)


async def within(seconds, call):
    """What `call` returns, unless it takes longer; it may then go on for ever."""
    future = concurrent.futures.Future()

    def work():
        future.set_running_or_notify_cancel()
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wait_for(asyncio.wrap_future(future), seconds)


class KafkaPythonWriter(PythonWriter):
    # Where the broker is away when kafka-python 3.0.12 first sends a request of its transactions, it
    # looks for the coordinator again, and then forgets the request: it waits until its records
    # expire, so that is soon, and elsewhere for ever.
    async def open(self):
        producer = kafka.KafkaProducer(
            bootstrap_servers=self.world.bootstrap, transactional_id=self.process.name,
            linger_ms=1, retry_backoff_ms=50, reconnect_backoff_max_ms=200,
            request_timeout_ms=5_000, delivery_timeout_ms=6_000, transaction_timeout_ms=20_000)
        await within(10, producer.init_transactions)
        return producer

    async def close(self, producer):
        producer.close(timeout=0)

    async def begin(self, producer):
        producer.begin_transaction()

    async def send(self, producer, place, data):
        return producer.send(place[0], data, partition=place[1])

    async def answer_of(self, future):
        return future.get(SECONDS)

    async def commit(self, producer):
        await within(10, producer.commit_transaction)

    async def abort(self, producer):
        await within(10, producer.abort_transaction)


class AioKafkaWriter(PythonWriter):
    async def open(self):
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=self.world.bootstrap, transactional_id=self.process.name,
            linger_ms=1, retry_backoff_ms=50, transaction_timeout_ms=20_000)
        await asyncio.wait_for(producer.start(), SECONDS)
        return producer

    async def close(self, producer):
        await asyncio.wait_for(producer.stop(), SECONDS)

    async def begin(self, producer):
        await producer.begin_transaction()

    async def send(self, producer, place, data):
        return await producer.send(place[0], data, partition=place[1])

    async def answer_of(self, future):
        return await future

    async def commit(self, producer):
        await asyncio.wait_for(producer.commit_transaction(), SECONDS)

    async def abort(self, producer):
        await asyncio.wait_for(producer.abort_transaction(), SECONDS)
