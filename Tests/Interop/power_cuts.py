"""Cuts the power of a whole broker under load from a real client (kafka-python), with a consumer
reading beside it. Run by Tools/power-cuts --broker, which makes the file system; needs root.

    power_cuts.py MOUNT DEVICE COUNT

Each cut: the kernel shuts the broker's file system down (what was not synced is gone), the broker
is killed, the file system unmounted and mounted again, the broker started. The client's ledger and
what the consumer saw are in this process's memory. Nothing acknowledged may be missing, nothing
served that was never sent, and nothing gone or changed that the consumer once saw.
"""
import array
import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time

import kafka

from broker import Broker
from clients import ConfluentKafka, create_topic

# _IOR('X', 125, __u32): EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN; 2: without flushing the journal.
SHUTDOWN = 0x8004587D
WITHOUT_FLUSH = 2
TOPIC = "events"
PARTITIONS = 3


class KafkaPythonLoad:
    """Producers of kafka-python that know, event by event, what was acknowledged where."""

    def __init__(self, bootstrap, topic):
        self.acknowledged = {}
        self.doubled = []  # two events at one offset: an offset acknowledged twice
        self.sent = 0
        self.failures = []
        self.stopping = False
        self.lock = threading.Lock()
        self.producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=2,
            batch_size=2048, retry_backoff_ms=50, reconnect_backoff_max_ms=200,
            delivery_timeout_ms=120_000, request_timeout_ms=10_000, max_block_ms=60_000)
        self.thread = threading.Thread(target=self.run, args=(topic,), daemon=True)
        self.thread.start()

    def run(self, topic):
        while not self.stopping:
            value = b"%d" % self.sent
            self.sent += 1
            future = self.producer.send(
                topic, value=value + b" " + b"x" * 100, partition=self.sent % PARTITIONS)
            future.add_callback(self.note, value)
            future.add_errback(self.fail)
            time.sleep(0.001)

    def note(self, value, metadata):
        with self.lock:
            place = metadata.partition, metadata.offset
            if place in self.acknowledged:
                self.doubled.append((place, self.acknowledged[place], value))
            self.acknowledged[place] = value

    def fail(self, error):
        self.failures.append(repr(error))

    def finish(self):
        self.stopping = True
        self.thread.join(70)
        self.producer.flush(timeout=90)
        self.producer.close(timeout=10)


class Reader:
    """A consumer that reads on through all the cuts and remembers what it saw where."""

    def __init__(self, bootstrap):
        self.seen = {}
        self.changed = []
        self.stopping = False
        self.bootstrap = bootstrap
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        places = [kafka.TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        consumer = None
        while not self.stopping:
            try:
                if consumer is None:
                    consumer = kafka.KafkaConsumer(
                        bootstrap_servers=self.bootstrap, auto_offset_reset="earliest",
                        enable_auto_commit=False, consumer_timeout_ms=500,
                        reconnect_backoff_max_ms=200)
                    consumer.assign(places)
                    following = {place.partition: 0 for place in places}
                    for partition, offset in self.seen:
                        following[partition] = max(following[partition], offset + 1)
                    for place in places:
                        consumer.seek(place, following[place.partition])
                for messages in consumer.poll(timeout_ms=300).values():
                    for message in messages:
                        place = message.partition, message.offset
                        value = message.value.split()[0]
                        if self.seen.setdefault(place, value) != value:
                            self.changed.append(place)
            except Exception as error:  # whatever a client makes of a broker that is gone
                print(f"reader: {error!r}", file=sys.stderr)
                consumer = None
                time.sleep(0.2)
        if consumer is not None:
            consumer.close()


def stop(process):
    """Stops a process at once, as the power does: what it has not said by now it never says. A
    thread inside a system call ends that and gets no further."""
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        states = []
        for task in os.listdir(f"/proc/{process.pid}/task"):
            try:
                with open(f"/proc/{process.pid}/task/{task}/stat") as stat:
                    states.append(stat.read().rsplit(")", 1)[1].split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass  # that thread has ended
        # The kernel gives the signal to one thread, which passes it on when it comes out of its
        # system call: as long as nobody has stopped, the others may go on when the disk lets them.
        if all(state in "TtD" for state in states) and any(state in "Tt" for state in states):
            return
    raise RuntimeError("the broker does not stop")


def cut(broker, mount, device):
    # The kernel's shutdown is not quite a power cut: a sync that is under way can return success
    # without having synced. Nobody may hear of that success, as after a real one.
    stop(broker.process)
    descriptor = os.open(mount, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, array.array("I", [WITHOUT_FLUSH]))
    finally:
        os.close(descriptor)
    broker.kill()
    for attempt in range(50):
        if subprocess.run(["umount", mount], stderr=subprocess.DEVNULL).returncode == 0:
            break
        time.sleep(0.05)
    else:
        raise RuntimeError(f"{mount} stays busy")
    subprocess.run(["mount", device, mount], check=True)
    broker.start()


def main():
    mount, device, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(os.environ.get("VARVE_SEED", random.randrange(1 << 32)))
    chance = random.Random(seed)
    begun = time.monotonic()
    broker = Broker(os.path.join(mount, "broker"), {})
    # The broker's own log outlives the cuts.
    broker.log_path = broker.directory.parent.parent / "broker.log"
    violations = []
    try:
        broker.start()
        create_topic(broker.bootstrap, TOPIC, PARTITIONS)
        reader = Reader(broker.bootstrap)
        load = KafkaPythonLoad(broker.bootstrap, TOPIC)
        for number in range(count):
            time.sleep(chance.uniform(0.05, 0.6))
            cut(broker, mount, device)
            if number % 20 == 19:
                print(f"{number + 1} of {count} power cuts", file=sys.stderr)
        time.sleep(0.5)
        load.finish()
        time.sleep(1)
        reader.stopping = True
        reader.thread.join(30)
        found = {}
        for partition in range(PARTITIONS):
            for event in ConfluentKafka.read(broker.bootstrap, TOPIC, partition):
                found[partition, event.offset] = event.value.split()[0]
        for place, value in sorted(load.acknowledged.items()):
            if found.get(place) != value:
                violations.append(f"acknowledged {value} at {place}, found {found.get(place)}")
        for place, value in sorted(reader.seen.items()):
            if found.get(place) != value:
                violations.append(f"a consumer saw {value} at {place}, found {found.get(place)}")
        violations += [f"{place} changed under the reader" for place in reader.changed]
        where = {}
        for place, value in found.items():
            where.setdefault(value, []).append(place)
        for place, first, second in load.doubled:
            violations.append(
                f"{place} acknowledged for {first} (found at {where.get(first)}) and for {second} "
                f"(found at {where.get(second)})")
        for place, value in sorted(found.items()):
            if int(value) >= load.sent:
                violations.append(f"{value} at {place} was never sent")
        if not load.acknowledged:
            violations.append(f"nothing was acknowledged: {load.failures[:3]}")
        broker.stop()
    except Exception:
        if broker.process is not None and broker.process.poll() is None:
            broker.kill()
        raise
    for violation in violations[:20]:
        print("violation:", violation)
    print(f"power-cuts of a broker: {count}, {len(load.acknowledged)} acknowledged, "
          f"{len(reader.seen)} seen by a consumer, {len(violations)} violations, "
          f"{time.monotonic() - begun:.0f} s, VARVE_SEED={seed}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
