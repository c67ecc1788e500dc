"""Redis's answers as our messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensors.messages import START, Audience, LogEntry, Snapshot, unpack
from sensors.store import keys
from sensors.store.client import RedisError

_FIXED_PART = 32  # of a packed latest value: order and measured time, 16 digits each


def text(value: bytes | str | None) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value or ""


def marked(value: bytes | str | None) -> tuple[str, str]:
    epoch, _, position = text(value).partition(" ")
    return epoch, position or START


def entry(position: bytes, fields: Mapping[bytes, bytes]) -> LogEntry:
    """The entry as it stands; a poisonous one is the history reader's to judge, not ours."""
    count = fields.get(b"n", b"0")
    return LogEntry(
        position=position.decode(),
        kind=text(fields.get(b"kind")),
        previous=text(fields.get(b"prev")) or START,
        machine_id=text(fields.get(b"machine")),
        count=int(count) if count.isdigit() else 0,
        payload=fields.get(b"readings", b"[]"),
    )


def entries(reply: Any) -> list[LogEntry]:
    """Those of an XREAD of one stream."""
    return [entry(*row) for _, rows in reply or () for row in rows]


def missed_entry(machine_id: str, part: Sequence[bytes]) -> LogEntry:
    position, previous, count, payload = part
    return LogEntry(
        position=text(position),
        kind="readings",
        previous=text(previous),
        machine_id=machine_id,
        count=int(count),
        payload=payload,
    )


def snapshot(epoch: str, fields: Mapping[bytes, bytes]) -> Snapshot:
    position = text(fields.get(keys.POSITION_FIELD.encode())) or START
    readings = tuple(
        unpack(packed[_FIXED_PART:])
        for name, packed in sorted(fields.items())
        if name != keys.POSITION_FIELD.encode()
    )
    return Snapshot(epoch, position, readings)


class AudienceDecoder:
    """Decodes who watches only when that has changed: it is asked for at every turn."""

    def __init__(self) -> None:
        self._names: list[bytes] = []
        self._watched: frozenset[str] = frozenset()

    def __call__(
        self,
        watched: list[bytes] | RedisError,
        channels: list[bytes] | RedisError,
        patterns: int | RedisError,
    ) -> Audience:
        """Raises what kept the watchers from us; without the right to ask, nobody listens."""
        if isinstance(watched, Exception):
            raise watched
        if isinstance(channels, Exception) or isinstance(patterns, Exception):
            channels, patterns = [], 0
        if watched != self._names:
            self._names, self._watched = watched, frozenset(text(name) for name in watched)
        listened = frozenset(text(name) for name in channels)
        return Audience(
            watched=self._watched,
            listened=frozenset(name.removeprefix(keys.UPDATES_PREFIX) for name in listened),
            # A pattern may mean any of our channels.
            all_are_listened=patterns > 0 or keys.ALL_UPDATES in listened,
        )
