"""Names of all Redis keys and channels; no other module has a key literal.

`{0}` is the shard's hash tag: the keys of one script lie on one node of a Redis Cluster.
"""

SHARD = "{0}"
HISTORY_READER = "history"
BROADCAST_READER = "broadcast"
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
SCOPE_PREFIX = f"scope:{SHARD}:"

# Channels for plain Redis subscribers (docs/sockets.md).
UPDATES_PREFIX = "sensor_updates:"
ALL_UPDATES = f"{UPDATES_PREFIX}all"

# Field of the latest hash: position of the machine's newest entry; no sensor has this name.
POSITION_FIELD = "_pos"

# Programs of other people may read these two.
_MARKS = {HISTORY_READER: STORED, BROADCAST_READER: BROADCAST}


def latest(machine_id: str) -> str:
    """Return the key of the latest values of a machine."""
    return f"{LATEST_PREFIX}{machine_id}"


def updates(machine_id: str) -> str:
    """Return the channel of plain subscribers to a machine."""
    return f"{UPDATES_PREFIX}{machine_id}"


def mark(reader: str) -> str:
    """Return the key of the position up to which a reader has handled the log."""
    return _MARKS.get(reader, f"position:{SHARD}:{reader}")


def scope(scope_key: str) -> str:
    """Key of the places of a watched scope."""
    return f"{SCOPE_PREFIX}{scope_key}"


def lease(reader: str) -> str:
    """Return the key of the lease of a reader."""
    return f"lease:{SHARD}:{reader}"
