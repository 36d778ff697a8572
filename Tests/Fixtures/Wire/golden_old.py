"""Writes the lines of golden.txt for versions that Kafka 4 has no more and older clients ask in.

    /usr/bin/python3 golden_old.py >> golden.txt        (Debian's python3-kafka, 2.0.2)

What a field holds follows from its path, as in golden.py. This encoder has its own names for the
fields, so their paths are told here, in their order on the wire.
"""
from kafka.protocol import admin, commit
from kafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Int64, Schema, String

from golden_values import boolean, signed

RULE = "principal host operation permissionType"
OLD = {
    "OffsetCommitRequest": ["""groupId topics[name partitions[partitionIndex committedOffset
        committedMetadata]]""", """groupId generationIdOrMemberEpoch memberId topics[name
        partitions[partitionIndex committedOffset commitTimestamp committedMetadata]]"""],
    "OffsetCommitResponse": ["topics[name partitions[partitionIndex errorCode]]"] * 2,
    "OffsetFetchRequest": ["groupId topics[name partitionIndexes[]]"],
    "OffsetFetchResponse": [
        "topics[name partitions[partitionIndex committedOffset metadata errorCode]]"],
    "CreateTopicsRequest": ["""topics[name numPartitions replicationFactor
        assignments[partitionIndex brokerIds[]] configs[name value]] timeoutMs""",
        """topics[name numPartitions replicationFactor
        assignments[partitionIndex brokerIds[]] configs[name value]] timeoutMs validateOnly"""],
    "CreateTopicsResponse": ["topics[name errorCode]", "topics[name errorCode errorMessage]"],
    "DeleteTopicsRequest": ["topicNames[] timeoutMs"],
    "DeleteTopicsResponse": ["responses[name errorCode]"],
    "DescribeAclsRequest": ["""resourceTypeFilter resourceNameFilter principalFilter hostFilter
        operation permissionType"""],
    "DescribeAclsResponse": [f"""throttleTimeMs errorCode errorMessage
        resources[resourceType resourceName acls[{RULE}]]"""],
    "CreateAclsRequest": [f"creations[resourceType resourceName {RULE}]"],
    "CreateAclsResponse": ["throttleTimeMs results[errorCode errorMessage]"],
    "DeleteAclsRequest": ["""filters[resourceTypeFilter resourceNameFilter principalFilter
        hostFilter operation permissionType]"""],
    "DeleteAclsResponse": [f"""throttleTimeMs filterResults[errorCode errorMessage
        matchingAcls[errorCode errorMessage resourceType resourceName {RULE}]]"""],
    "DescribeConfigsRequest": ["resources[resourceType resourceName configurationKeys[]]"],
    "DescribeConfigsResponse": ["""throttleTimeMs results[errorCode errorMessage resourceType
        resourceName configs[name value readOnly isDefault isSensitive]]"""],
}


def parse(text):
    """The names in `text`; behind a name with brackets the names within them."""
    words = text.replace("[", " [ ").replace("]", " ] ").split()

    def names():
        found = []
        while words and words[0] != "]":
            name, inner = words.pop(0), None
            if words and words[0] == "[":
                words.pop(0)
                inner = names()
                words.pop(0)
            found.append((name, inner))
        return found

    return names()


def value(kind, names, path):
    if isinstance(kind, Array):
        return [value(kind.array_of, names, f"{path}.{i}") for i in range(2)]
    if isinstance(kind, Schema):
        assert len(kind.fields) == len(names), (path, kind.names, names)
        return tuple(
            value(field, inner, f"{path}.{name}" if path else name)
            for field, (name, inner) in zip(kind.fields, names))
    if isinstance(kind, String):
        return path
    for number, bits in ((Int8, 8), (Int16, 16), (Int32, 32), (Int64, 64)):
        if kind is number:
            return signed(path, bits)
    assert kind is Boolean, kind
    return boolean(path)


for name, versions in OLD.items():
    for version, text in enumerate(versions):
        module = commit if hasattr(commit, f"{name}_v{version}") else admin
        schema = getattr(module, f"{name}_v{version}").SCHEMA
        print(name, f"{version}-{version}", "full",
              schema.encode(value(schema, parse(text), "")).hex())

# Not in that encoder; "version 1 is the same as version 0" (DescribeLogDirsRequest.json of Kafka).
with open("golden.txt", encoding="ascii") as golden:
    for line in golden:
        name, versions, rest = line.split(" ", 2)
        if name.startswith("DescribeLogDirs") and versions.startswith("1-"):
            print(name, "0-0", rest, end="")
