"""Every Redis key and group of keys by name; no key literal stands elsewhere.

`{0}` is the shard's hash tag: all that one script touches lies on one node of a Redis Cluster.
"""

SHARD = "{0}"
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


def latest(machine_id: str) -> str:
    return f"{LATEST_PREFIX}{machine_id}"


def updates(machine_id: str) -> str:
    return f"{UPDATES_PREFIX}{machine_id}"


def lease(reader: str) -> str:
    return f"lease:{SHARD}:{reader}"
