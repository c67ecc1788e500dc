"""The twin's live side in Redis: the log, the latest values, and the readers' bookkeeping.

Every method raises LogUnavailable when Redis does not answer within its deadline.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from sensors.event_loop import PerLoop
from sensors.exceptions import LogUnavailable
from sensors.messages import (
    START,
    Audience,
    LiveReading,
    LogEntry,
    MissedEntries,
    Receipt,
    Snapshot,
)
from sensors.store import keys, progress
from sensors.store.appender import Appender
from sensors.store.audience import AudienceDecoder, audience_questions
from sensors.store.client import (
    CALL_SECONDS,
    RedisError,
    is_memory,
    make_client,
    volatile_because,
)
from sensors.store.connection import Command, SerialConnection
from sensors.store.decoding import entry, marked, missed_entry, read_entries, snapshot, text
from sensors.timestamps import SECOND_US

BLOCK_SECONDS = 1.0
MISSED_READINGS = 10_000
# Machines whose positions are read in one call, so that none keeps Redis for long.
POSITIONS = 1000
_MISSED = (Path(__file__).parent / "scripts" / "missed.lua").read_text(encoding="utf-8")
_POSITIONS = (Path(__file__).parent / "scripts" / "positions.lua").read_text(encoding="utf-8")
_RENEW = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2])"
_RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"


def _read(position: str, *, count: int, wait: bool) -> Command:
    block = ("BLOCK", round(BLOCK_SECONDS * 1000)) if wait else ()
    return ("XREAD", "COUNT", count, *block, "STREAMS", keys.LOG, position)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as exc:
        raise LogUnavailable(f"Redis did not answer: {exc}") from exc


class Store:
    """One per event loop (`get_store`); safe to share among its tasks."""

    def __init__(self, url: str) -> None:
        self._client = make_client(url, pool_size=settings.REDIS_POOL_SIZE)
        self._appender = Appender(SerialConnection(url, seconds=CALL_SECONDS))
        # Of the two readers, whose reads wait for what comes.
        self._broadcast_line = SerialConnection(url, seconds=BLOCK_SECONDS + CALL_SECONDS)
        self._history_line = SerialConnection(url, seconds=BLOCK_SECONDS + CALL_SECONDS)
        self._missed = self._client.register_script(_MISSED)
        self._positions = self._client.register_script(_POSITIONS)
        self._renew = self._client.register_script(_RENEW)
        self._release = self._client.register_script(_RELEASE)
        self._decode_audience = AudienceDecoder()
        self.in_memory = is_memory(url)

    async def aclose(self) -> None:
        await self._appender.close()
        await self._broadcast_line.aclose()
        await self._history_line.aclose()
        await self._client.aclose()

    # The log

    async def append(
        self, readings: Sequence[LiveReading], *, key_id: str = "", partial: bool = False
    ) -> Receipt:
        """Log one request's readings, all or none (`partial`: all that do not conflict).

        The receipt's outcomes say what became of each; with a conflict and not `partial`
        nothing was written. Raises LogUnavailable, RateLimited or LogFull.
        """
        return await self._appender.append(readings, key_id=key_id, partial=partial)

    async def read(self, position: str, *, count: int) -> list[LogEntry]:
        """Up to `count` entries after the position that are there."""
        with _answering():
            rows: Any = await self._client.xrange(keys.LOG, min=f"({position}", count=count)
        return [entry(*row) for row in rows]

    async def read_with_epoch(self, position: str, *, count: int) -> tuple[list[LogEntry], str]:
        """The history reader's read: waits up to a second for the first entry.

        With the epoch right after, in one call; it never returns to an old one.
        """
        with _answering():
            reply, epoch = await self._history_line.ask(
                _read(position, count=count, wait=True), ("GET", keys.EPOCH)
            )
        return read_entries(reply), text(epoch)

    async def read_with_audience(
        self, position: str, *, count: int, wait: bool, now_us: int
    ) -> tuple[list[LogEntry], Audience]:
        """The broadcaster's read: with `wait` up to a second for the first entry.

        With the audience right after, in one call; `now_us` is before it.
        """
        with _answering():
            reply, _, *audience = await self._broadcast_line.ask_each(
                _read(position, count=count, wait=wait), *audience_questions(now_us)
            )
            if isinstance(reply, Exception):
                raise reply
            return read_entries(reply), self._decode_audience(*audience)

    async def epoch(self) -> str:
        """Which log this is; empty before the first reading."""
        with _answering():
            return text(await self._client.get(keys.EPOCH))

    async def last_position(self) -> str:
        """The newest entry's position; that of the start when the log is empty."""
        with _answering():
            newest = await self._client.xrevrange(keys.LOG, count=1)
        return text(newest[0][0]) if newest else START

    async def trim(self, position: str) -> int:
        """Drop the entries before the position; returns how many."""
        with _answering():
            return int(await self._client.xtrim(keys.LOG, minid=position, approximate=False))

    async def length(self) -> int:
        with _answering():
            return int(await self._client.xlen(keys.LOG))

    # What the database has

    async def mark_stored(self, epoch: str, position: str) -> None:
        """Say that all up to the position is committed in the database."""
        with _answering():
            await progress.mark(self._client, keys.STORED, epoch, position)

    async def stored(self) -> tuple[str, str]:
        """(epoch, position) up to which all is committed in the database."""
        with _answering():
            return marked(await self._client.get(keys.STORED))

    async def wait_stored(self, position: str, *, seconds: float) -> bool:
        """Whether the database has the entry at this position within so many seconds."""
        with _answering():
            return await progress.wait_stored(self._client, position, seconds=seconds)

    async def is_stored_wanted(self, *, within: float) -> bool:
        """Whether somebody waits for a row (`wait_stored`), within so many seconds."""
        with _answering():
            return await progress.haste_within(self._history_line, within)

    # What was broadcast

    async def mark_broadcast(self, epoch: str, position: str) -> None:
        with _answering():
            await progress.mark(self._client, keys.BROADCAST, epoch, position)

    async def broadcast(self) -> tuple[str, str]:
        """(epoch, position) up to which all was broadcast."""
        with _answering():
            return marked(await self._client.get(keys.BROADCAST))

    # Latest values

    async def snapshots(self, machine_ids: Sequence[str]) -> list[Snapshot]:
        """Each machine's latest readings with their position, in the order asked."""
        with _answering():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.get(keys.EPOCH)
                for machine_id in machine_ids:
                    pipe.hgetall(keys.latest(machine_id))
                epoch, *hashes = await pipe.execute()
        return [snapshot(text(epoch), fields) for fields in hashes]

    async def positions(self, machine_ids: Sequence[str]) -> tuple[str, str, list[str]]:
        """(epoch, newest position of the log, each machine's newest position)."""
        epoch, newest, *found = await self._read_positions(machine_ids[:POSITIONS])
        for at in range(POSITIONS, len(machine_ids), POSITIONS):
            found += (await self._read_positions(machine_ids[at : at + POSITIONS]))[2:]
        return text(epoch), text(newest) or START, [text(one) or START for one in found]

    async def _read_positions(self, machine_ids: Sequence[str]) -> list[bytes]:
        with _answering():
            return list(
                await self._positions(keys=[keys.LOG, keys.EPOCH, *map(keys.latest, machine_ids)])
            )

    async def missed(self, machine_id: str, position: str) -> MissedEntries:
        """The machine's entries after the position, oldest first; None when some are gone."""
        with _answering():
            epoch, newest, complete, *rows = await self._missed(
                keys=[keys.LOG, keys.EPOCH, keys.latest(machine_id)],
                args=[position, MISSED_READINGS],
            )
        entries = None
        if complete:
            parts = [rows[at : at + 4] for at in range(0, len(rows), 4)]
            entries = tuple(missed_entry(machine_id, part) for part in reversed(parts))
        return MissedEntries(text(epoch), text(newest), entries)

    # Who watches

    async def watch(self, names: Iterable[str], *, until_us: int) -> None:
        """Machines (and `keys.DASHBOARD`) that some process shows until this moment."""
        members = dict.fromkeys(names, until_us / SECOND_US)
        if members:
            with _answering():
                async with self._client.pipeline(transaction=False) as pipe:
                    pipe.zadd(keys.WATCHED, members, gt=True)
                    pipe.expire(keys.WATCHED, 60)
                    await pipe.execute()

    async def publish(self, messages: Iterable[tuple[str, str]]) -> None:
        """Send (machine_id, text) to who listens to the machine, and to who listens to all."""
        with _answering():
            async with self._client.pipeline(transaction=False) as pipe:
                for machine_id, message in messages:
                    for channel in {keys.updates(machine_id), keys.ALL_UPDATES}:
                        pipe.publish(channel, message)
                await pipe.execute()

    # Leases

    async def acquire_lease(self, reader: str, token: str, *, seconds: float) -> bool:
        """Whether this token now holds the reader's lease."""
        with _answering():
            return bool(
                await self._client.set(keys.lease(reader), token, nx=True, px=round(seconds * 1000))
            )

    async def renew_lease(self, reader: str, token: str, *, seconds: float) -> bool:
        with _answering():
            return bool(
                await self._renew(keys=[keys.lease(reader)], args=[token, round(seconds * 1000)])
            )

    async def release_lease(self, reader: str, token: str) -> None:
        with _answering():
            await self._release(keys=[keys.lease(reader)], args=[token])

    # Counters and health

    async def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counters at the foot of the plant page and in `/health`."""
        with _answering():
            async with self._client.pipeline(transaction=False) as pipe:
                for name, by in counts.items():
                    pipe.hincrby(keys.METRICS, name, by)
                pipe.expire(keys.METRICS, progress.KEPT_SECONDS)
                await pipe.execute()

    async def counters(self) -> dict[str, int]:
        with _answering():
            fields = await self._client.hgetall(keys.METRICS)
        return {text(name): int(value) for name, value in sorted(fields.items())}

    async def volatile_because(self) -> str | None:
        """Why this Redis may forget what it took; None when it does not.

        By INFO: managed Redis forbids CONFIG.
        """
        if self.in_memory:
            return "it is in the memory of this process"
        with _answering():
            persistence = await self._client.info("persistence")
            memory = await self._client.info("memory")
        return volatile_because({**persistence, **memory})


get_store: PerLoop[Store] = PerLoop(lambda: Store(settings.REDIS_URL))
