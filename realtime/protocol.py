"""Messages from the server to a socket: types, cursors and their encoding.

Every message is `{"type", "machine_id", "timestamp", "cursor", "data"}` (docs/sockets.md).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import Any, NamedTuple, Self

import msgspec
import structlog

from sensors.chunks import chunked
from sensors.messages import READINGS, FeedHealth, LiveReading, LogEntry, MissedEntries
from sensors.metrics import DROPPED
from sensors.timestamps import format_us, now_us
from sensors.twins.representation import reading_json

log = structlog.get_logger(__name__)

# Items of a message, which holds whole entries; an entry has at most so many readings.
MESSAGE_ITEMS = 500
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
    """An epoch and a position in its log; as text `<epoch>.<ms>-<seq>`."""

    epoch: str
    position: str

    def __str__(self) -> str:
        return f"{self.epoch}.{self.position}"


def parse_cursor(text: str) -> Cursor | None:
    """Parse a client's cursor; None when it is malformed."""
    match = _CURSOR.fullmatch(text)
    return Cursor(match[1], match[2]) if match else None


def cursor_text(epoch: str, position: str) -> str | None:
    """Return the cursor as text; None for a log without an epoch, which never had an entry."""
    return f"{epoch}.{position}" if epoch else None


def message(
    kind: str,
    data: Mapping[str, Any],
    *,
    machine_id: str | None,
    cursor: str | None,
    timestamp: int | None = None,
) -> str:
    """Encode one message for the socket; `timestamp` is microseconds, now by default."""
    moment = format_us(now_us() if timestamp is None else timestamp)
    return _text(kind, data, machine_id, cursor, moment)


class Heartbeat:
    """A heartbeat; the part that all sockets share is encoded once."""

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
    """Content of a socket's first message, shared by all sockets that join together."""

    machine_id: str | None
    epoch: str
    position: str
    values: dict[str, Any]
    machine_ids: frozenset[str] = frozenset()

    def text(self, kind: str, *, recovered: bool, cursor: Cursor | None = None) -> str:
        """Encode an `initial_data` or `resync` message, with the client's cursor if it resumes."""
        newest = cursor_text(self.epoch, self.position)
        return message(
            kind,
            {**self.values, "recovered": recovered},
            machine_id=self.machine_id,
            cursor=str(cursor) if cursor else newest,
        )


class Update(NamedTuple):
    """The socket message of a kind of log entries.

    `data` makes the message's data from the entries' items and the number of items skipped.
    """

    type: str
    data: Callable[[Sequence[Any], int], dict[str, Any]]


def _readings_data(readings: Sequence[LiveReading], skipped: int) -> dict[str, Any]:
    return {"readings": [reading_json(reading) for reading in readings], "skipped": skipped}


# By kind. An entry of a kind that is not here moves the sockets' positions without a message.
UPDATES: dict[str, Update] = {READINGS: Update("sensor_update", _readings_data)}


def update_text(
    kind: str,
    items: Sequence[Any],
    *,
    machine_id: str | None,
    cursor: str | None,
    skipped: int = 0,
) -> str:
    """Encode the message of items of one kind; `machine_id` is None on the dashboard."""
    update = UPDATES[kind]
    return message(update.type, update.data(items, skipped), machine_id=machine_id, cursor=cursor)


def fill_texts(missed: MissedEntries) -> list[str]:
    """Encode missed entries as messages, each with the cursor of its last entry.

    Entries of one kind in a row share messages; entries without a message are left out.
    """
    shown = (entry for entry in missed.entries or () if entry.kind in UPDATES)
    return [
        update_text(
            kind,
            [item for entry in entries for item in items_of(entry)],
            machine_id=entries[0].machine_id,
            cursor=cursor_text(missed.epoch, entries[-1].position),
        )
        for kind, run in groupby(shown, key=lambda entry: entry.kind)
        for entries in chunked(run, weight=lambda entry: entry.count, limit=MESSAGE_ITEMS)
    ]


def items_of(entry: LogEntry) -> list[Any]:
    """Return the entry's items; none of a poisonous entry, which is counted and logged."""
    try:
        return entry.items()
    except msgspec.DecodeError as exc:
        DROPPED.labels(what="entry", reason="undecodable").inc()
        log.error("entry_skipped", position=entry.position, kind=entry.kind, error=str(exc))
        return []
