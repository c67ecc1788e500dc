"""Names of all Redis keys and channels; no other module has a key literal.

`{0}` is the shard's hash tag: the keys of one script lie on one node of a Redis Cluster.
"""

SHARD = "{0}"
LOG = f"readings:{SHARD}"
EPOCH = f"epoch:{SHARD}"
STORED = f"stored:{SHARD}"
FLUSH_REQUESTS = f"flush_requests:{SHARD}"
BROADCAST = f"broadcast:{SHARD}"
WATCHED = f"watched:{SHARD}"
METRICS = f"metrics:{SHARD}"
SEEN_PREFIX = f"seen:{SHARD}:"
RATE_PREFIX = f"rate_limit:{SHARD}:"
LATEST_PREFIX = f"sensor:latest:{SHARD}:"

# Channels for plain Redis subscribers (docs/sockets.md).
UPDATES_PREFIX = "sensor_updates:"
ALL_UPDATES = f"{UPDATES_PREFIX}all"

# Field of the latest hash: position of the machine's newest entry; no sensor has this name.
POSITION_FIELD = "_pos"

# The readers whose marks have keys of their own.
HISTORY = "history"
_MARKS = {HISTORY: STORED, "broadcast": BROADCAST}


def latest(machine_id: str) -> str:
    return f"{LATEST_PREFIX}{machine_id}"


def updates(machine_id: str) -> str:
    return f"{UPDATES_PREFIX}{machine_id}"


def lease(reader: str) -> str:
    return f"lease:{SHARD}:{reader}"


def progress(reader: str) -> str:
    """Key of the position up to which a reader has completed all entries."""
    return _MARKS.get(reader) or f"progress:{SHARD}:{reader}"
