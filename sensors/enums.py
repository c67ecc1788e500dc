"""Closed sets of values, as they are sent and stored."""

from enum import IntEnum, StrEnum


class Quality(IntEnum):
    """Quality of a value: the severities of OPC UA Part 8 status codes."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2

    @property
    def word(self) -> str:
        return self.name.lower()


# Devices may also send `poor`; it is stored and shown as `uncertain`.
QUALITY_BY_WORD = {
    "good": Quality.GOOD,
    "uncertain": Quality.UNCERTAIN,
    "poor": Quality.UNCERTAIN,
    "bad": Quality.BAD,
}


class Outcome(StrEnum):
    """Outcome of one reading in the log."""

    ACCEPTED = "accepted"
    LATE = "late"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"

    # Enum's own hash runs Python code for each reading; an equal text has the same hash.
    __hash__ = str.__hash__


class Connectivity(StrEnum):
    """Connectivity of a machine: whether its sensors send."""

    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"
    NEVER_SEEN = "never_seen"


class FeedStatus(StrEnum):
    """State of the live feed, as heartbeats and pages show it."""

    LIVE = "live"
    DELAYED = "delayed"
    DOWN = "down"
