"""Brokers for the tests; the directory of a test that failed is kept, with the broker's log."""
import os
import re
import shutil
from pathlib import Path

import pytest

from broker import BINARY, ROOT, Broker

WORK = Path(os.environ.get("VARVE_INTEROP_DIR", ROOT / ".build/interop"))


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(
            f"no {BINARY}: swift build -c release --product varve, or set VARVE_BIN", returncode=4)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        for broker in getattr(item, "brokers", []):
            report.sections.append(
                (f"log of the broker in {broker.directory}", broker.tail()))
    if call.when == "teardown" and not getattr(item, "failed", False):
        # Only now is it known that nothing failed, the ends of the fixtures included.
        if hasattr(item, "work"):
            shutil.rmtree(item.work, ignore_errors=True)


def directory_for(name):
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)
    path = WORK / clean
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


@pytest.fixture
def work(request):
    """A directory of the test's own, kept when the test fails."""
    request.node.work = directory_for(request.node.name)
    return request.node.work


@pytest.fixture
def make_broker(request, work):
    """Starts brokers of the test's own: make_broker(settings={...}, extra=[flags])."""
    request.node.brokers = []

    def make(settings=None, extra=()):
        broker = Broker(work / f"broker-{len(request.node.brokers)}", settings, extra)
        request.node.brokers.append(broker)
        return broker.start()

    yield make
    for broker in request.node.brokers:
        broker.stop()


@pytest.fixture(scope="session")
def shared_broker():
    """One broker for all tests that leave it alone: topics are created when first used."""
    path = WORK / "shared"
    shutil.rmtree(path, ignore_errors=True)
    broker = Broker(path).start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(request, shared_broker):
    request.node.brokers = [shared_broker]
    shared_broker.assert_alive()
    yield shared_broker
    shared_broker.assert_alive()


@pytest.fixture
def topic(request):
    """A topic name of the test's own."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name).strip("-")[:200]
