"""The store's read side for ordinary sync Django: pages, the read API, health."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from django.conf import settings

from sensors.messages import START, Snapshot
from sensors.store import keys
from sensors.store.client import (
    SyncRedis,
    is_memory,
    make_sync_client,
    text,
    translate_errors,
    volatile_because,
)
from sensors.store.latest import snapshot
from sensors.store.progress import decode_counters, decode_mark


class LogState(msgspec.Struct, frozen=True):
    """The log's size and bounds, and each reader's mark: (epoch, position)."""

    epoch: str
    entries: int
    is_durable: bool
    oldest: str
    newest: str
    marks: dict[str, tuple[str, str]]


class SyncStore:
    """Safe to share among threads; each method raises LogUnavailable within its deadline."""

    def __init__(self, url: str) -> None:
        self._client: SyncRedis = make_sync_client(url, pool_size=settings.REDIS_POOL_SIZE)
        self.in_memory = is_memory(url)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def snapshots(self, machine_ids: Sequence[str]) -> list[Snapshot]:
        """Return each machine's latest readings with their position, in the order asked."""
        with translate_errors(), self._client.pipeline(transaction=False) as pipe:
            pipe.get(keys.EPOCH)
            for machine_id in machine_ids:
                pipe.hgetall(keys.latest(machine_id))
            epoch, *hashes = pipe.execute()
        return [snapshot(text(epoch), fields) for fields in hashes]

    def stored(self) -> tuple[str, str]:
        """Return (epoch, position) up to which all entries are committed in the database."""
        with translate_errors():
            return decode_mark(self._client.get(keys.STORED))

    def counters(self) -> dict[str, int]:
        """Return the counters shown by `/health` and the plant page."""
        with translate_errors():
            return decode_counters(self._client.hgetall(keys.METRICS))

    def first_after(self, position: str) -> str | None:
        """Return the position of the first entry after this one; None when there is none."""
        with translate_errors():
            rows = self._client.xrange(keys.LOG, min=f"({position}", count=1)
        return text(rows[0][0]) if rows else None

    def entry_before(self, position: str) -> str | None:
        """Return the position of the machine's entry before this one; None if this one is gone."""
        with translate_errors():
            rows = self._client.xrange(keys.LOG, min=position, max=position, count=1)
        fields = rows[0][1] if rows else None
        return (text(fields.get(b"prev")) or START) if fields is not None else None

    def log_state(self, readers: Sequence[str]) -> LogState:
        """Return the log's size, bounds and durability, and the marks of these readers."""
        with translate_errors():
            with self._client.pipeline(transaction=False) as pipe:
                pipe.mget(keys.EPOCH, *map(keys.mark, readers))
                pipe.xlen(keys.LOG)
                pipe.xrange(keys.LOG, count=1)
                pipe.xrevrange(keys.LOG, count=1)
                (epoch, *marks), entries, oldest, newest = pipe.execute()
            reason = None if self.in_memory else volatile_because(self._info())
        return LogState(
            epoch=text(epoch),
            entries=entries,
            is_durable=not self.in_memory and reason is None,
            oldest=text(oldest[0][0]) if oldest else START,
            newest=text(newest[0][0]) if newest else START,
            marks={reader: decode_mark(mark) for reader, mark in zip(readers, marks, strict=True)},
        )

    def _info(self) -> dict[str, Any]:
        return {**self._client.info("persistence"), **self._client.info("memory")}


@cache
def get_sync_store() -> SyncStore:
    """Return the sync store of this process."""
    return SyncStore(settings.REDIS_URL)
