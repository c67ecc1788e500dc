"""What goes over a socket to the client: message types, cursors, and their encoding, once.

Every message is `{"type", "machine_id", "timestamp", "cursor", "data"}` (docs/sockets.md).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any, Self

import msgspec
import structlog

from sensors.messages import FeedHealth, LiveReading, LogEntry, MissedEntries
from sensors.metrics import DROPPED
from sensors.timestamps import format_us, now_us
from sensors.twins.representation import reading_json

log = structlog.get_logger(__name__)

# An entry holds at most so many, and a message whole entries.
MESSAGE_READINGS = 500
_CURSOR = re.compile(r"([A-Za-z0-9]{1,32})\.((?:0|[1-9]\d{0,19})-(?:0|[1-9]\d{0,19}))", re.ASCII)
_ENCODER = msgspec.json.Encoder()


class Reaction(StrEnum):
    """Reactions of a client to a close code; a client that stops does not connect again."""

    LOGIN = "login"
    STOP = "stop"
    RECONNECT = "reconnect"


class Close(IntEnum):
    """Close codes of the server (RFC 6455 7.4), each with the reaction that it asks for."""

    reaction: Reaction

    def __new__(cls, code: int, reaction: Reaction) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.reaction = reaction
        return member

    TOO_BIG = 1009, Reaction.RECONNECT
    RESTARTING = 1012, Reaction.RECONNECT
    TRY_AGAIN = 1013, Reaction.RECONNECT
    NOT_AUTHENTICATED = 4401, Reaction.LOGIN
    NOT_ALLOWED = 4403, Reaction.STOP
    UNKNOWN_MACHINE = 4404, Reaction.STOP
    FLOODING = 4429, Reaction.RECONNECT
    TOO_SLOW = 4508, Reaction.RECONNECT


# An open page may be older than the server: it takes every code in between that it lacks as final.
FINAL_CODES = (4400, 4499)


def close_codes() -> dict[str, Any]:
    """Return the close codes as the pages' scripts use them."""
    return {
        "reactions": {str(int(close)): close.reaction.value for close in Close},
        "final": list(FINAL_CODES),
    }


class Cursor(msgspec.Struct, frozen=True):
    """A place in a log: its epoch and a position; as text `<epoch>.<ms>-<seq>`."""

    epoch: str
    position: str

    def __str__(self) -> str:
        return f"{self.epoch}.{self.position}"


def parse_cursor(text: str) -> Cursor | None:
    """The cursor a client came with; None when it is not one of ours."""
    match = _CURSOR.fullmatch(text)
    return Cursor(match[1], match[2]) if match else None


def cursor_text(epoch: str, position: str) -> str | None:
    """None for a log that has no epoch because nothing was ever written to it."""
    return f"{epoch}.{position}" if epoch else None


def message(
    kind: str,
    data: Mapping[str, Any],
    *,
    machine_id: str | None,
    cursor: str | None,
    timestamp: int | None = None,
) -> str:
    """One message, ready for the socket; `timestamp` is microseconds, now by default."""
    moment = format_us(now_us() if timestamp is None else timestamp)
    return _text(kind, data, machine_id, cursor, moment)


class Heartbeat:
    """One beat: what is the same for all sockets is encoded once."""

    def __init__(self, state: FeedHealth, *, interval: int, now: int) -> None:
        self._moment = format_us(now)
        data = {
            "server_time": self._moment,
            "interval": interval,
            "feed": state.feed,
            "behind_seconds": round(state.behind_seconds, 3),
        }
        self._data = msgspec.Raw(_ENCODER.encode(data))

    def text(self, machine_id: str | None, cursor: str | None) -> str:
        return _text("heartbeat", self._data, machine_id, cursor, self._moment)


def _text(
    kind: str,
    data: Mapping[str, Any] | msgspec.Raw,
    machine_id: str | None,
    cursor: str | None,
    moment: str,
) -> str:
    return _ENCODER.encode(
        {
            "type": kind,
            "machine_id": machine_id,
            "timestamp": moment,
            "cursor": cursor,
            "data": data,
        }
    ).decode()


class Greeting(msgspec.Struct, frozen=True):
    """What a socket is told first; its values are encoded once for all who join together."""

    machine_id: str | None
    epoch: str
    position: str
    values: dict[str, Any]

    def text(self, kind: str, *, recovered: bool, cursor: Cursor | None = None) -> str:
        """An `initial_data` or `resync` message, with the client's cursor when it resumes."""
        own = cursor_text(self.epoch, self.position)
        return message(
            kind,
            {**self.values, "recovered": recovered},
            machine_id=self.machine_id,
            cursor=str(cursor) if cursor else own,
        )


def sensor_update(
    readings: Sequence[LiveReading], *, machine_id: str | None, cursor: str | None, skipped: int = 0
) -> str:
    return message(
        "sensor_update",
        {"readings": [reading_json(reading) for reading in readings], "skipped": skipped},
        machine_id=machine_id,
        cursor=cursor,
    )


def fill_texts(missed: MissedEntries) -> list[str]:
    """What was missed as `sensor_update` messages, each with the cursor of its last entry."""
    return [
        sensor_update(
            [reading for entry in entries for reading in readings_of(entry)],
            machine_id=entries[0].machine_id,
            cursor=cursor_text(missed.epoch, entries[-1].position),
        )
        for entries in whole_entries(missed.entries or ())
    ]


def whole_entries(entries: Sequence[LogEntry]) -> Iterator[list[LogEntry]]:
    """The entries in turns of at most 500 readings; none is split."""
    turn: list[LogEntry] = []
    readings = 0
    for entry in entries:
        if turn and readings + entry.count > MESSAGE_READINGS:
            yield turn
            turn, readings = [], 0
        turn.append(entry)
        readings += entry.count
    if turn:
        yield turn


def readings_of(entry: LogEntry) -> list[LiveReading]:
    """The entry's readings; none of a poisonous entry, which is counted and logged."""
    try:
        return entry.readings()
    except msgspec.DecodeError as exc:
        DROPPED.labels(what="entry", reason="undecodable").inc()
        log.error("entry_skipped", position=entry.position, error=str(exc))
        return []
