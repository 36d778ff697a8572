"""A directory and a Varve of its own for each test; both are kept when the test fails."""
import os
import re
import shutil
from pathlib import Path

import pytest

from deployment import BINARY, ROOT, Deployment

WORK = Path(os.environ.get("VARVE_DELIVERY_DIR", ROOT / ".build/delivery"))

SAID = pytest.StashKey()


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
        for deployment in getattr(item, "deployments", []):
            for name, text in deployment.tails():
                report.sections.append((f"log of {name}", text))


@pytest.fixture
def tell(request):
    """tell(text) says a figure at the end of the run, where it is seen."""
    return request.config.stash.setdefault(SAID, []).append


def pytest_terminal_summary(terminalreporter, config):
    for text in config.stash.get(SAID, []):
        terminalreporter.write_line(text)


@pytest.fixture
def work(request):
    path = WORK / re.sub(r"[^A-Za-z0-9_.-]+", "_", request.node.name)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    yield path
    if not getattr(request.node, "failed", False):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def deploy(request, work):
    """deploy(workers) starts a broker and, each in a process of its own, the workers;
    deploy(workers, supervised=True) has `varve up` start them."""
    request.node.deployments = []

    def make(workers, supervised=False, **options):
        deployment = Deployment(work, workers, **options)
        request.node.deployments.append(deployment)
        return deployment.start_up() if supervised else deployment.start()

    yield make
    for deployment in request.node.deployments:
        deployment.end()


@pytest.fixture
def stub():
    """stub(Class, ...) makes a receiver that ends with the test."""
    made = []

    def make(kind, *arguments, **options):
        made.append(kind(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
