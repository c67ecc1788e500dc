"""Internal messages: one frozen struct each, shared by sender and receiver."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from sensors.enums import FeedStatus, Outcome, Quality

Scalar = str | int | float | bool | None
# The position before the log's first entry; a position is Redis's `<milliseconds>-<sequence>`.
START = "0-0"
# The topic of the dashboard of all machines. The dashboard of a scope has this and the scope's key,
# a machine has its id, which never begins with it.
DASHBOARD = "*"


def dashboard_topic(scope_key: str) -> str:
    """Return the topic of the dashboard of a scope."""
    return DASHBOARD + scope_key


def scope_key_of(topic: str) -> str | None:
    """Return the key of a dashboard's scope; None for the topic of a machine."""
    return topic.removeprefix(DASHBOARD) if topic.startswith(DASHBOARD) else None


def position_key(position: str) -> tuple[int, int]:
    """Return a sortable form of a position; as text, "1-10" would sort before "1-9"."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence)


def effective_time(measured_at: int, received_at: int) -> int:
    """Return when a reading counts as measured: a stamp from the future, when it was received.

    The newest reading wins: by effective time, then by position in the log. The append script
    and the pages' scripts hold the same rule (tests/data/newest_wins.json).
    """
    return measured_at if measured_at < received_at else received_at


class LiveReading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reading: one value of one sensor at one moment, from serializer to row and frame.

    `measured_at` and `received_at` are microseconds since 1970 UTC; `value` is in `unit`, the
    sensor's own (UCUM); `late` is the last field, so that the append script can add it.
    """

    machine_id: str
    sensor_id: int
    sensor_type: str
    unit: str
    measured_at: int
    received_at: int
    value: float | None
    quality: Quality
    metadata: dict[str, Scalar]
    late: bool = False

    @property
    def id(self) -> str:
        return f"{self.machine_id}_{self.sensor_type}_{self.measured_at}"

    @property
    def effective_at(self) -> int:
        """The reading's effective time, by which the newest reading of a sensor wins."""
        return effective_time(self.measured_at, self.received_at)


# The kind of entries that hold readings.
READINGS = "readings"
# The struct of each kind's items. A process passes over entries of a kind that is not here.
KINDS: dict[str, type[msgspec.Struct]] = {READINGS: LiveReading}


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The log's answer to one request: an outcome per reading, in the order sent.

    `position` is that of the newest entry written; None when no entry was.
    `remaining` and `reset_seconds` are the key's rate limit after this request.
    """

    outcomes: tuple[Outcome, ...]
    position: str | None
    remaining: int | None = None
    reset_seconds: int | None = None


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry of the log, of any kind.

    Kind `readings` holds a machine's readings of one request (at most 500). `previous` is the
    position of the machine's entry before it, of whatever kind; `payload` a JSON array of the
    kind's items; `count` the number of readings, 1 for every other kind.
    """

    position: str
    kind: str
    previous: str
    machine_id: str
    count: int
    payload: bytes

    def readings(self) -> list[LiveReading]:
        """Return the readings, in log order. Raises msgspec.DecodeError for a poisonous entry."""
        return _READINGS.decode(self.payload)

    def items(self) -> list[Any]:
        """Return the kind's items, in log order; none of an unknown kind.

        Raises msgspec.DecodeError for a poisonous entry.
        """
        item = KINDS.get(self.kind)
        return [] if item is None else _decoder(item).decode(self.payload)


class Snapshot(msgspec.Struct, frozen=True):
    """A machine's latest readings, and the position of the newest entry in them."""

    epoch: str
    position: str
    readings: tuple[LiveReading, ...]


class MissedEntries(msgspec.Struct, frozen=True):
    """A machine's entries after a position, oldest first; None when the log lacks some of them."""

    epoch: str
    position: str
    entries: tuple[LogEntry, ...] | None


class Audience(msgspec.Struct, frozen=True):
    """Watchers and subscribers: `watched` are the topics that sockets of some process show.

    `listened` are the machines of plain Redis subscribers, which may also subscribe to all.
    """

    watched: frozenset[str] = frozenset()
    listened: frozenset[str] = frozenset()
    all_are_listened: bool = False

    def listens(self, machine_id: str) -> bool:
        """Return whether a plain Redis subscriber receives this machine's messages."""
        return self.all_are_listened or machine_id in self.listened


class MachineFrame(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="machine_frame"):
    """A machine's entries of one kind since its frame before; `text` is ready for the socket.

    `previous` is the position of the machine's entry before the frame's first, `position` that of
    its last; `received_at` is that of its oldest reading, 0 for other kinds. `text` is empty when
    the frame only moves the position.
    """

    machine_id: str
    epoch: str
    previous: str
    position: str
    received_at: int
    text: str

    @property
    def topic(self) -> str:
        return self.machine_id


class DashboardFrame(
    msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="dashboard_frame"
):
    """Entries of one kind of all machines since the dashboard frame before.

    Of readings the newest per sensor, of another kind all; only entries of machines in the scope
    with the key `scope`, which is empty for all machines. `previous` is the position of the
    dashboard frame before, whatever machines came in between; `text` is empty when the frame only
    moves the position.
    """

    epoch: str
    previous: str
    position: str
    received_at: int
    text: str
    scope: str = ""

    @property
    def topic(self) -> str:
        return dashboard_topic(self.scope)


Frame = MachineFrame | DashboardFrame


class FeedHealth(msgspec.Struct, frozen=True):
    """State of the live feed, and the seconds that this process is behind the log."""

    feed: FeedStatus
    behind_seconds: float


_READING = msgspec.json.Decoder(LiveReading)
_READINGS = msgspec.json.Decoder(list[LiveReading])
_ENCODER = msgspec.json.Encoder()


def pack(reading: LiveReading) -> bytes:
    """Encode one reading for the log and the latest hash."""
    return _ENCODER.encode(reading)


def unpack(packed: bytes) -> LiveReading:
    return _READING.decode(packed)


def pack_items(items: Sequence[msgspec.Struct]) -> bytes:
    """Encode an entry's payload of any kind."""
    return _ENCODER.encode(items)


@cache
def _decoder(item: type[msgspec.Struct]) -> "msgspec.json.Decoder[list[Any]]":
    return msgspec.json.Decoder(list[item])  # type: ignore[valid-type]
