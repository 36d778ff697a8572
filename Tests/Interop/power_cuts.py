"""Cuts the power of a whole broker under the clients of history_workload: they produce, consume and
transact. Run by Tools/power-cuts --broker, which makes the file system; needs root.

    power_cuts.py MOUNT DEVICE COUNT

Each cut: the kernel shuts the broker's file system down (what was not synced is gone), the broker
is killed, the file system unmounted and mounted again, the broker started. The clients' history is
in this process's memory, and history_checker judges it: nothing acknowledged or committed may be
missing, nothing served that was never sent, and nothing gone or changed that a consumer once saw.
"""
import array
import fcntl
import logging
import os
import random
import signal
import subprocess
import sys
import time

from broker import Broker
from history_workload import SETTINGS, judge, run

# _IOR('X', 125, __u32): EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN; 2: without flushing the journal.
SHUTDOWN = 0x8004587D
WITHOUT_FLUSH = 2


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
    broker = Broker(os.path.join(mount, "broker"), SETTINGS)
    # The broker's own log, and the history, outlive the cuts.
    kept = broker.directory.parent.parent
    broker.log_path = kept / "broker.log"
    # Clients have much to say when their broker is away.
    logging.disable()

    def cut_often():
        for number in range(count):
            time.sleep(chance.uniform(0.05, 0.6))
            cut(broker, mount, device)
            if number % 20 == 19:
                print(f"{number + 1} of {count} power cuts", file=sys.stderr)

    try:
        history = run(broker.start(), chance, cut_often)
        broker.stop()
    except Exception:
        if broker.process is not None and broker.process.poll() is None:
            broker.kill()
        raise
    # Of what nobody was told yet, a disk may have lost the first and kept the last (I5).
    history.dense.clear()
    verdict = judge(history, f"{count} power cuts of a broker", kept / "history.txt")
    if verdict.counts:
        print(verdict)
    acknowledged = history.counts()["acknowledged"]
    if not acknowledged:
        print("violation: nothing was acknowledged")
    print(f"power-cuts of a broker: {count}, {acknowledged} acknowledged, "
          f"{verdict.counts.total()} violations, {time.monotonic() - begun:.0f} s, "
          f"VARVE_SEED={seed}")
    return 1 if verdict.counts or not acknowledged else 0


if __name__ == "__main__":
    sys.exit(main())
