"""What travels inside: one frozen struct a message, shared by sender and receiver."""

import msgspec

from sensors.enums import FeedStatus, Outcome, Quality

Scalar = str | int | float | bool | None
# A place in the log: Redis's stream id, `<milliseconds>-<sequence>`.
START = "0-0"


def position_key(position: str) -> tuple[int, int]:
    """Sortable form of a position; text order is wrong where the sequence has two digits."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence)


def effective_time(measured_at: int, received_at: int) -> int:
    """Return when a reading counts as measured: a stamp from the future, when it was received.

    The newest reading wins: by effective time, then by position in the log. The append script
    and the pages' scripts hold the same rule (tests/data/newest_wins.json).
    """
    return measured_at if measured_at < received_at else received_at


class LiveReading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of one sensor at one moment, from the serializer to the row and the frame.

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


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What the log made of one request: an outcome per reading, in the order sent.

    `position` is that of the newest entry written; None when nothing was.
    `remaining` and `reset_seconds` are the key's rate limit after this request.
    """

    outcomes: tuple[Outcome, ...]
    position: str | None
    remaining: int | None = None
    reset_seconds: int | None = None


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry of the log: a machine's readings of one request (at most 500).

    `previous` is the position of the machine's entry before it; `payload` the readings as JSON.
    """

    position: str
    kind: str
    previous: str
    machine_id: str
    count: int
    payload: bytes

    def readings(self) -> list[LiveReading]:
        """The readings, in log order. Raises msgspec.DecodeError for a poisonous entry."""
        return _READINGS.decode(self.payload)


class Snapshot(msgspec.Struct, frozen=True):
    """A machine's latest readings with the position they are right for."""

    epoch: str
    position: str
    readings: tuple[LiveReading, ...]


class MissedEntries(msgspec.Struct, frozen=True):
    """A machine's entries after a position, oldest first; None when the log no longer has all."""

    epoch: str
    position: str
    entries: tuple[LogEntry, ...] | None


class Audience(msgspec.Struct, frozen=True):
    """Who is there for what is sent: `watched` names what the sockets of some process show.

    `listened` are the machines of plain Redis subscribers, who may also listen to all.
    """

    watched: frozenset[str] = frozenset()
    listened: frozenset[str] = frozenset()
    all_are_listened: bool = False

    def listens(self, machine_id: str) -> bool:
        """Whether a plain Redis subscriber hears this machine."""
        return self.all_are_listened or machine_id in self.listened


class MachineFrame(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="machine_frame"):
    """What came in on one machine since its frame before; `text` is ready for the socket.

    `previous` is the position of the machine's entry before the frame's first, `position` that of
    its last; `received_at` that of its oldest reading.
    """

    machine_id: str
    epoch: str
    previous: str
    position: str
    received_at: int
    text: str


class DashboardFrame(
    msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="dashboard_frame"
):
    """The newest reading per sensor of all machines since the dashboard frame before.

    `previous` is where that frame ended in the log; `text` is empty when nothing is to be shown.
    """

    epoch: str
    previous: str
    position: str
    received_at: int
    text: str


Frame = MachineFrame | DashboardFrame


class FeedHealth(msgspec.Struct, frozen=True):
    """Whether the feed is live, and how far this process is behind the log."""

    feed: FeedStatus
    behind_seconds: float


_READINGS = msgspec.json.Decoder(list[LiveReading])
_ENCODER = msgspec.json.Encoder()


def pack(reading: LiveReading) -> bytes:
    """One reading as the log and the latest hash keep it."""
    return _ENCODER.encode(reading)


def unpack(packed: bytes) -> LiveReading:
    return _READING.decode(packed)


_READING = msgspec.json.Decoder(LiveReading)
