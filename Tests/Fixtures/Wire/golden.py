"""Writes golden.txt: every message in every version, as kafka-python's encoder writes it.

    python golden.py > golden.txt        (kafka-python 3.0.12)

Each line is: message, versions that are alike, variant, hex of the body. What a field holds follows from its
path, so the reader of the file needs no values beside the bytes: see `value`. In the variant
"null" all that may be null is null.
"""
import copy
import re
import uuid

from kafka.protocol.schemas import StructField, load_json

from golden_values import boolean, fnv, signed

APIS = """Produce Fetch ListOffsets Metadata OffsetCommit OffsetFetch FindCoordinator JoinGroup
Heartbeat LeaveGroup SyncGroup DescribeGroups ListGroups SaslHandshake ApiVersions CreateTopics
DeleteTopics DeleteRecords InitProducerId OffsetForLeaderEpoch DescribeConfigs AlterConfigs
CreatePartitions DeleteGroups IncrementalAlterConfigs OffsetDelete DescribeCluster
SaslAuthenticate AlterReplicaLogDirs DescribeLogDirs DescribeClientQuotas AlterClientQuotas
DescribeTopicPartitions
ListConfigResources ElectLeaders AlterPartitionReassignments ListPartitionReassignments
DescribeQuorum UpdateFeatures DescribeUserScramCredentials AlterUserScramCredentials DescribeAcls
CreateAcls DeleteAcls AddPartitionsToTxn AddOffsetsToTxn EndTxn WriteTxnMarkers TxnOffsetCommit
DescribeProducers DescribeTransactions ListTransactions""".split()


def in_versions(text, version):
    if text in (None, "none"):
        return False
    low, _, high = text.rstrip("+").partition("-")
    return int(low) <= version and (text.endswith("+") or version <= int(high or low))


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def value(kind, path):
    """What a field at `path` holds: text and bytes the path itself, numbers its FNV-1a hash."""
    if kind == "string":
        return path
    if kind in ("bytes", "records"):
        return path.encode()
    if kind == "uuid":
        number = fnv(path)
        return uuid.UUID(int=number << 64 | number)
    if kind == "bool":
        return boolean(path)
    if kind == "uint16":
        return fnv(path) % 2**16
    if kind == "float64":
        return float(signed(path, 32))
    return signed(path, {"int8": 8, "int16": 16, "int32": 32, "int64": 64}[kind])


def fill(field, path, version, null):
    kind = field["type"]
    if null and in_versions(field.get("nullableVersions"), version):
        return None
    if not kind.startswith("[]"):
        return struct(field["fields"], path, version, null) if "fields" in field else value(
            kind, path)
    counts = range(int("fields" in field) if null else 2)
    if "fields" in field:
        return [struct(field["fields"], f"{path}.{i}", version, null) for i in counts]
    return [value(kind[2:], f"{path}.{i}") for i in counts]


def struct(fields, path, version, null):
    result = {}
    for field in fields:
        if in_versions(field["versions"], version):
            name = field["name"][0].lower() + field["name"][1:]
            full = name if not path else f"{path}.{name}"
            result[field["key"]] = fill(field, full, version, null)
    return result


def with_keys(fields, parsed):
    """The schema's fields, each with the name that the encoder looks it up by."""
    for field, own in zip(fields, parsed):
        field["key"] = own.name
        if "fields" in field:
            with_keys(field["fields"], list(own.fields.values()))
    return fields


def resolve(fields, shared):
    """Gives the fields of a shared struct to all who name it."""
    for field in fields:
        kind = field["type"].removeprefix("[]")
        if kind in shared:
            field["fields"] = copy.deepcopy(shared[kind])
        resolve(field.get("fields", []), shared)


def write(name, schema):
    parsed = StructField(load_json(schema))
    source = load_json(schema)
    resolve(source["fields"], {s["name"]: s["fields"] for s in source.get("commonStructs", [])})
    fields = with_keys(source["fields"], list(parsed.fields.values()))
    low, _, high = source["validVersions"].partition("-")
    for variant in ("full", "null"):
        runs = []
        for version in range(int(low), int(high or low) + 1):
            flexible = in_versions(source["flexibleVersions"], version)
            encoded = parsed.encode(
                struct(fields, "", version, variant == "null"),
                version=version, compact=flexible, tagged=flexible).hex()
            if runs and runs[-1][2] == encoded:
                runs[-1][1] = version
            else:
                runs.append([version, version, encoded])
        for first, last, encoded in runs:
            print(name, f"{first}-{last}", variant, encoded)


for api in APIS:
    write(api + "Request", api + "Request")
    write(api + "Response", api + "Response")
write("ConsumerSubscription", "ConsumerProtocolSubscription")
write("ConsumerAssignment", "ConsumerProtocolAssignment")
