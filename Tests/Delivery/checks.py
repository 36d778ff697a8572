"""What must be true of a sink when everything has been delivered."""
import json

from deployment import wait_until

SETTLE_SECONDS = 60


def settle(deployment, sinks, expected):
    """Waits until each sink has as many events as `expected` and its worker has committed."""
    for sink in sinks:
        name = sink.worker["name"]
        wait_until(
            lambda: sink.count() >= expected, SETTLE_SECONDS,
            f"{name} has all of {expected} events (it has {sink.count()})", pause=0.2)
        wait_until(
            lambda: deployment.lag(name) == 0, SETTLE_SECONDS,
            f"{name} has committed everything (lag {deployment.lag(name)})", pause=0.1)


def same(found, expected, name):
    """The same identities with the same bytes; says what differs, not all of both."""
    missing = sorted(expected.keys() - found.keys())
    assert not missing, f"{name} lacks {len(missing)} of {len(expected)}, as {missing[:5]}"
    extra = sorted(found.keys() - expected.keys())
    assert not extra, f"{name} has {len(extra)} that nobody sent, as {extra[:5]}"
    wrong = [key for key in expected if found[key] != expected[key]]
    assert not wrong, (
        f"{name} has {len(wrong)} with other contents, as {wrong[0]}: "
        f"{found[wrong[0]]!r} for {expected[wrong[0]]!r}")


def same_documents(stub, expected):
    """Documents are the events' own JSON, byte for byte; plain lines stand in `message`."""
    found = {}
    for identity, document in stub.documents.items():
        value = expected.get(identity)
        if value is not None and not value.lstrip().startswith(b"{"):
            parsed = json.loads(document)
            assert set(parsed) == {"@timestamp", "message"}, parsed
            document = parsed["message"].encode()
        found[identity] = document
    same(found, expected, "elastic")


def at_least_once(identities, expected, name):
    missing = sorted(expected.keys() - set(identities))
    assert not missing, f"{name} lacks {len(missing)} of {len(expected)}, as {missing[:5]}"
    extra = sorted(set(identities) - expected.keys())
    assert not extra, f"{name} has {len(extra)} that nobody sent, as {extra[:5]}"


def in_order(identities, name):
    """Within a partition offsets only grow."""
    last = {}
    for identity in identities:
        topic, partition, offset = identity.rsplit("-", 2)
        before = last.get((topic, partition), -1)
        assert int(offset) > before, f"{name}: {identity} came after offset {before}"
        last[topic, partition] = int(offset)
