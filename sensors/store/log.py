"""The log: one Redis stream, whose entries name the position of their machine's entry before."""

import secrets
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from django.conf import settings

from sensors.messages import START, Audience, LiveReading, LogEntry, MissedEntries, Receipt
from sensors.store import keys
from sensors.store.appender import Appender, log_full
from sensors.store.audience import AudienceDecoder, audience_questions
from sensors.store.client import Redis, text, translate_errors
from sensors.store.connection import Command, ReaderConnections, load_script

BLOCK_SECONDS = 1.0
# Items in the entries that `missed` follows back; an entry that does not count them is one.
MISSED_ITEMS = 10_000
_APPEND_ENTRY = load_script("append_entry")
_MISSED = load_script("missed")
_MISSED_FIELDS = 5


class Log:
    """Appends to the log and reads from it; each method may raise LogUnavailable."""

    def __init__(self, client: Redis, appender: Appender, connections: ReaderConnections) -> None:
        self._client = client
        self._appender = appender
        self._connections = connections
        self._decode_audience = AudienceDecoder()

    def append(
        self, readings: Sequence[LiveReading], *, key_id: str = "", partial: bool = False
    ) -> Coroutine[Any, Any, Receipt]:
        """Log one request's readings, all or none (`partial`: all that do not conflict).

        The receipt has an outcome for each; with a conflict and not `partial` nothing was
        written. Raises LogUnavailable, RateLimited or LogFull.
        """
        return self._appender.append(readings, key_id=key_id, partial=partial)

    async def append_entry(self, machine_id: str, kind: str, payload: bytes) -> str:
        """Log one entry of any kind but readings (`append`); return its position.

        `payload` is the kind's items, encoded (`messages.pack_items`). Raises LogFull, or
        LogUnavailable: then the entry may be in the log or not, and a retry may log it twice.
        """
        with translate_errors():
            status, position = await _APPEND_ENTRY(
                self._client,
                keys=[keys.LOG, keys.EPOCH, keys.latest(machine_id)],
                args=[secrets.token_hex(4), settings.MAX_LOG_ENTRIES, kind, machine_id, payload],
            )
        if status != b"ok":
            raise log_full()
        return text(position)

    async def read(self, position: str, *, count: int) -> list[LogEntry]:
        """Return up to `count` entries after the position, without waiting for any."""
        with translate_errors():
            rows: Any = await self._client.xrange(keys.LOG, min=f"({position}", count=count)
        return [entry(*row) for row in rows]

    async def read_with_epoch(
        self, position: str, *, count: int, reader: str
    ) -> tuple[list[LogEntry], str]:
        """Wait up to a second for entries after the position; return them and the epoch.

        The epoch is read right after them in the same call, so no entry of an older log comes
        with a newer epoch. Each `reader` has a connection of its own.
        """
        with translate_errors():
            reply, epoch = await self._connections.of(reader).ask(
                _read_command(position, count=count, wait=True), ("GET", keys.EPOCH)
            )
        return _decode_entries(reply), text(epoch)

    async def read_with_audience(
        self, position: str, *, count: int, wait: bool, now_us: int
    ) -> tuple[list[LogEntry], str, Audience]:
        """Return entries after the position, their epoch and the audience, for the broadcaster.

        With `wait`, wait up to a second for an entry. Epoch and audience are read right after
        the entries in the same call; `now_us` is the time before it.
        """
        with translate_errors():
            reply, epoch, _, *audience = await self._connections.of(keys.BROADCAST_READER).ask_each(
                _read_command(position, count=count, wait=wait),
                ("GET", keys.EPOCH),
                *audience_questions(now_us),
            )
            for answer in (reply, epoch):
                if isinstance(answer, Exception):
                    raise answer
            return _decode_entries(reply), text(epoch), self._decode_audience(*audience)

    async def missed(self, machine_id: str, position: str) -> MissedEntries:
        """Return the machine's entries after the position, oldest first.

        They are None when the log no longer has all of them, or when they hold too many items.
        Raises LogUnavailable, or ScriptFailed when the machine's chain cannot be followed.
        """
        with translate_errors():
            epoch, newest, complete, *rows = await _MISSED(
                self._client,
                keys=[keys.LOG, keys.EPOCH, keys.latest(machine_id)],
                args=[position, MISSED_ITEMS],
            )
        entries = None
        if complete:
            parts = [rows[i : i + _MISSED_FIELDS] for i in range(0, len(rows), _MISSED_FIELDS)]
            entries = tuple(_missed_entry(machine_id, part) for part in reversed(parts))
        return MissedEntries(text(epoch), text(newest), entries)

    async def epoch(self) -> str:
        """Return the log's epoch; empty before the first entry."""
        with translate_errors():
            return text(await self._client.get(keys.EPOCH))

    async def last_position(self) -> str:
        """Return the newest entry's position; START when the log is empty."""
        with translate_errors():
            newest = await self._client.xrevrange(keys.LOG, count=1)
        return text(newest[0][0]) if newest else START

    async def trim(self, position: str) -> int:
        """Drop the entries before the position; return their number."""
        with translate_errors():
            return int(await self._client.xtrim(keys.LOG, minid=position, approximate=False))

    async def length(self) -> int:
        """Return the number of entries."""
        with translate_errors():
            return int(await self._client.xlen(keys.LOG))


def entry(position: bytes, fields: Mapping[bytes, bytes]) -> LogEntry:
    """Decode a row of the stream; the payload stays encoded, whether or not it is valid."""
    payload = fields.get(b"readings")
    return LogEntry(
        position=position.decode(),
        kind=text(fields.get(b"kind")),
        previous=text(fields.get(b"prev")) or START,
        machine_id=text(fields.get(b"machine")),
        count=_count(fields.get(b"n", b"")),
        payload=fields.get(b"payload", b"[]") if payload is None else payload,
    )


def _count(number: bytes) -> int:
    return int(number) if number.isdigit() else 1


def _read_command(position: str, *, count: int, wait: bool) -> Command:
    block = ("BLOCK", round(BLOCK_SECONDS * 1000)) if wait else ()
    return ("XREAD", "COUNT", count, *block, "STREAMS", keys.LOG, position)


def _decode_entries(reply: Mapping[bytes, Any] | None) -> list[LogEntry]:
    """Decode an XREAD of one stream (RESP3), whose fields are names and values in turn."""
    return [
        entry(position, dict(zip(flat[::2], flat[1::2], strict=True)))
        for rows in (reply or {}).values()
        for position, flat in rows
    ]


def _missed_entry(machine_id: str, part: Sequence[bytes]) -> LogEntry:
    position, previous, kind, count, payload = part
    return LogEntry(
        position=text(position),
        kind=text(kind),
        previous=text(previous),
        machine_id=machine_id,
        count=_count(count),
        payload=payload,
    )
