"""The store's read side for ordinary sync Django: pages, the read API, health."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec
from django.conf import settings

from sensors.exceptions import LogUnavailable
from sensors.messages import START, Snapshot
from sensors.store import keys
from sensors.store.client import (
    RedisError,
    SyncRedis,
    is_memory,
    make_sync_client,
    volatile_because,
)
from sensors.store.decoding import marked, snapshot, text


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as exc:
        raise LogUnavailable(f"Redis did not answer: {exc}") from exc


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
        self._client.close()

    def snapshots(self, machine_ids: Sequence[str]) -> list[Snapshot]:
        """Each machine's latest readings with their position, in the order asked."""
        with _answering(), self._client.pipeline(transaction=False) as pipe:
            pipe.get(keys.EPOCH)
            for machine_id in machine_ids:
                pipe.hgetall(keys.latest(machine_id))
            epoch, *hashes = pipe.execute()
        return [snapshot(text(epoch), fields) for fields in hashes]

    def stored(self) -> tuple[str, str]:
        """(epoch, position) up to which all is committed in the database."""
        with _answering():
            return marked(self._client.get(keys.STORED))

    def counters(self) -> dict[str, int]:
        with _answering():
            fields = self._client.hgetall(keys.METRICS)
        return {text(name): int(value) for name, value in sorted(fields.items())}

    def first_after(self, position: str) -> str | None:
        """The position of the first entry after this one; None when there is none."""
        with _answering():
            found = self._client.xrange(keys.LOG, min=f"({position}", count=1)
        return text(found[0][0]) if found else None

    def entry_before(self, position: str) -> str | None:
        """The position of the machine's entry before this one; None when this one is gone."""
        with _answering():
            found = self._client.xrange(keys.LOG, min=position, max=position, count=1)
        fields = found[0][1] if found else None
        return (text(fields.get(b"prev")) or START) if fields is not None else None

    def log_state(self, readers: Sequence[str]) -> LogState:
        """Return how long the log is, whether it is durable, and the marks of these readers."""
        with _answering():
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
            marks={reader: marked(mark) for reader, mark in zip(readers, marks, strict=True)},
        )

    def _info(self) -> dict[str, Any]:
        return {**self._client.info("persistence"), **self._client.info("memory")}


@cache
def get_sync_store() -> SyncStore:
    """The one of this process."""
    return SyncStore(settings.REDIS_URL)
