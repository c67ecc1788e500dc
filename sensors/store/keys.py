"""Every Redis key and group of keys by name; no key literal stands elsewhere.

`{0}` is the shard's hash tag: all that one script touches lies on one node of a Redis Cluster.
"""

SHARD = "{0}"
HISTORY_READER = "history"
BROADCAST_READER = "broadcast"
LOG = f"readings:{SHARD}"
EPOCH = f"epoch:{SHARD}"
STORED = f"stored:{SHARD}"
HASTE = f"haste:{SHARD}"
BROADCAST = f"broadcast:{SHARD}"
WATCHED = f"watched:{SHARD}"
METRICS = f"metrics:{SHARD}"
SEEN_PREFIX = f"seen:{SHARD}:"
RATE_PREFIX = f"rate_limit:{SHARD}:"
LATEST_PREFIX = f"sensor:latest:{SHARD}:"

# Channels for plain Redis subscribers (docs/sockets.md).
UPDATES_PREFIX = "sensor_updates:"
ALL_UPDATES = f"{UPDATES_PREFIX}all"

# The member of WATCHED that stands for the dashboard; no machine can be called so.
DASHBOARD = "*"
# Field of the latest hash: position of the machine's newest entry; no sensor can be called so.
POSITION_FIELD = "_pos"

# Programs of other people may read these two.
_MARKS = {HISTORY_READER: STORED, BROADCAST_READER: BROADCAST}


def latest(machine_id: str) -> str:
    return f"{LATEST_PREFIX}{machine_id}"


def updates(machine_id: str) -> str:
    return f"{UPDATES_PREFIX}{machine_id}"


def mark(reader: str) -> str:
    """Return the key of the position up to which a reader has handled the log."""
    return _MARKS.get(reader, f"position:{SHARD}:{reader}")


def lease(reader: str) -> str:
    return f"lease:{SHARD}:{reader}"
