"""What Kafka there is in KAFKA_HOME, an unpacked Kafka distribution or just its libs."""
import os
import re
import shutil
from pathlib import Path

import pytest


def jars():
    home = os.environ.get("KAFKA_HOME")
    return sorted(Path(home, "libs").glob("*.jar")) if home else []


def has(name):
    """Whether libs has a jar of that name, of any version."""
    return any(re.fullmatch(rf"{name}-\d.*\.jar", jar.name) for jar in jars())


def class_path(*more):
    return os.pathsep.join(map(str, [*more, *jars()]))


def client_version():
    for jar in jars():
        found = re.fullmatch(r"kafka-clients-(\d+)\.(\d+).*\.jar", jar.name)
        if found:
            return int(found[1]), int(found[2])
    return None


needs_client = pytest.mark.skipif(
    client_version() is None,
    reason="KAFKA_HOME names no Kafka distribution: see Tools/java-clients")
needs_jdk = pytest.mark.skipif(
    not (shutil.which("javac") and shutil.which("java")), reason="there is no JDK")
