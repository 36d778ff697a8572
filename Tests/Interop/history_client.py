"""What the clients of a history have in common: a thread each, until they are told to stop."""
import threading
import time

from confluent_kafka import KafkaException

SECONDS = 60
PARTITIONS = 3


def padded(value, size=60):
    """A record's bytes: its value, and something to make the log longer."""
    return value.encode() + b" " + b"x" * size


def value_of(data):
    return data.split(b" ", 1)[0].decode()


def retry(call):
    """Calls until it is done; an error that is no use to repeat goes to the caller."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise


class World:
    """Where the clients work: a broker's address, the history they write, and their chances."""

    def __init__(self, bootstrap, history, chance):
        self.bootstrap, self.history, self.chance = bootstrap, history, chance

    def places(self, *topics):
        return [(topic, number) for topic in topics for number in range(PARTITIONS)]


class Client:
    """Runs `work` in a thread. A failure there is the test's."""

    def __init__(self, world, process):
        self.world, self.process = world, process
        self.history = world.history
        self.failure, self.stopping, self.number = None, False, 0
        self.thread = threading.Thread(target=self.run, name=process.name, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def run(self):
        try:
            self.work()
        except BaseException as error:
            self.failure = error
            raise

    def value(self):
        self.number += 1
        return f"{self.process.name}.{self.number}"

    def finish(self):
        self.stopping = True
        self.thread.join(3 * SECONDS)
        assert not self.thread.is_alive(), f"{self.process.name} hangs"
        assert self.failure is None, f"{self.process.name}: {self.failure!r}"
