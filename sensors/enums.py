"""The closed sets of words; values as they stand on the wire and in the database."""

from enum import IntEnum, StrEnum


class Quality(IntEnum):
    """How good a value is: the severities of OPC UA Part 8 status codes."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2

    @property
    def word(self) -> str:
        return self.name.lower()


# The wire also takes `poor`, which reads back as `uncertain` (contract 3.1).
QUALITY_BY_WORD = {
    "good": Quality.GOOD,
    "uncertain": Quality.UNCERTAIN,
    "poor": Quality.UNCERTAIN,
    "bad": Quality.BAD,
}


class Outcome(StrEnum):
    """What the log made of one reading."""

    ACCEPTED = "accepted"
    LATE = "late"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"

    # Enum's own is a step of Python for each reading; equal to its text, it hashes like it.
    __hash__ = str.__hash__


class Connectivity(StrEnum):
    """Whether a machine's sensors are heard (contract 3.2)."""

    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"
    NEVER_SEEN = "never_seen"


class FeedStatus(StrEnum):
    """The state of the live feed, as heartbeats and pages show it."""

    LIVE = "live"
    DELAYED = "delayed"
    DOWN = "down"
