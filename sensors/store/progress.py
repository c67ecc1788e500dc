"""The readers' bookkeeping: progress marks, flush requests, leases, and the product's counters.

The history reader gathers rows while no request waits for one; a flush request ends its pause.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sensors.messages import START, position_key
from sensors.store import keys
from sensors.store.client import Redis, text, translate_errors
from sensors.store.connection import ReaderConnections, Script

KEPT_SECONDS = 30 * 86_400
STORED_POLL_SECONDS = 0.005
_FLUSH_REQUEST_SECONDS = 5
_RENEW = Script(
    "renew_lease",
    "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2])",
)
_RELEASE = Script(
    "release_lease",
    "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])",
)


class ReaderProgress:
    """Marks of the positions that readers have completed; each method may raise LogUnavailable."""

    def __init__(self, client: Redis, connections: ReaderConnections) -> None:
        self._client = client
        self._connections = connections

    async def mark(self, reader: str, epoch: str, position: str) -> None:
        """Record that the reader has completed all entries up to the position."""
        key, value = keys.mark(reader), f"{epoch} {position}"
        with translate_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.set(key, value, ex=KEPT_SECONDS)
                # A quiet log keeps its epoch: it must not expire while a reader lives.
                pipe.expire(keys.EPOCH, KEPT_SECONDS)
                if key == keys.STORED:
                    pipe.publish(key, value)
                await pipe.execute()

    async def marks(self, readers: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
        """Return the log's epoch, and each reader's mark: (epoch, position)."""
        with translate_errors():
            epoch, *marks = await self._client.mget(keys.EPOCH, *map(keys.mark, readers))
        return text(epoch), [decode_mark(mark) for mark in marks]

    async def wait_stored(self, position: str, *, seconds: float) -> bool:
        """Return whether the database has the entry at this position within so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        has_requested = False
        while loop.time() < deadline:
            _, [(_, stored)] = await self.marks([keys.HISTORY_READER])
            if position_key(stored) >= position_key(position):
                return True
            if not has_requested:
                await self._request_flush()
                has_requested = True
            await asyncio.sleep(STORED_POLL_SECONDS)
        return False

    async def is_flush_requested(self, *, within: float) -> bool:
        """Return True as soon as a request waits for a row (`wait_stored`), False after `within`.

        Seconds. Uses the history reader's connection.
        """
        with translate_errors():
            [request] = await self._connections.of(keys.HISTORY_READER).ask(
                ("BLPOP", keys.FLUSH_REQUESTS, str(within))
            )
        return request is not None

    async def _request_flush(self) -> None:
        """End the history reader's present pause, or its next one."""
        with translate_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.lpush(keys.FLUSH_REQUESTS, 1)
                pipe.ltrim(keys.FLUSH_REQUESTS, 0, 0)
                pipe.expire(keys.FLUSH_REQUESTS, _FLUSH_REQUEST_SECONDS)
                await pipe.execute()


class Leases:
    """Leases of the readers: at most one token holds a reader's; may raise LogUnavailable."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def acquire(self, reader: str, token: str, *, seconds: float) -> bool:
        """Return whether this token now holds the reader's lease."""
        key, milliseconds = keys.lease(reader), round(seconds * 1000)
        with translate_errors():
            return bool(await self._client.set(key, token, nx=True, px=milliseconds))

    async def renew(self, reader: str, token: str, *, seconds: float) -> bool:
        """Return whether this token still holds the lease, then for `seconds` more."""
        key, milliseconds = keys.lease(reader), round(seconds * 1000)
        with translate_errors():
            return bool(await _RENEW(self._client, keys=[key], args=[token, milliseconds]))

    async def release(self, reader: str, token: str) -> None:
        """Give the lease up if this token holds it."""
        with translate_errors():
            await _RELEASE(self._client, keys=[keys.lease(reader)], args=[token])


class Counters:
    """Counters at the foot of the plant page and in `/health`; may raise LogUnavailable."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counters by name."""
        with translate_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                for name, by in counts.items():
                    pipe.hincrby(keys.METRICS, name, by)
                pipe.expire(keys.METRICS, KEPT_SECONDS)
                await pipe.execute()

    async def all(self) -> dict[str, int]:
        """Return every counter by name."""
        with translate_errors():
            return decode_counters(await self._client.hgetall(keys.METRICS))


def decode_mark(value: bytes | str | None) -> tuple[str, str]:
    """Decode a reader's mark as (epoch, position); a missing one is the start of no log."""
    epoch, _, position = text(value).partition(" ")
    return epoch, position or START


def decode_counters(fields: Mapping[Any, Any]) -> dict[str, int]:
    """Return the counters of a Redis hash, sorted by name."""
    return {text(name): int(value) for name, value in sorted(fields.items())}
