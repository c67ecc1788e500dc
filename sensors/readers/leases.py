"""A lease of a reader: one process does its work, others stand by (docs/decisions/0002)."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from sensors.exceptions import LeaseLost, LogUnavailable
from sensors.store.store import Store

log = structlog.get_logger(__name__)

Work = Callable[[asyncio.Event], Awaitable[None]]


async def run_under_lease(
    store: Store,
    reader: str,
    work: Work,
    stop: asyncio.Event,
    *,
    seconds: float = 10.0,
    renew_every: float = 3.0,
    try_every: float = 1.0,
    pauses: tuple[float, float] = (1.0, 10.0),
    grace: float = 5.0,
) -> None:
    """Run `work` while this process holds the reader's lease, until `stop` is set.

    The work gets an event that is set when it must end: the lease was lost, Redis was away for
    longer than the lease, or `stop`; after `grace` it is cancelled. Its exceptions are logged, and
    it is tried again after a pause that doubles from the first of `pauses` to the second. All
    times are seconds.
    """
    lease = _Lease(store, reader, seconds=seconds, renew_every=renew_every, grace=grace)
    loop = asyncio.get_running_loop()
    pause = pauses[0]
    while not stop.is_set():
        if not await lease.acquire():
            await is_set_within(stop, try_every)
            continue
        began = loop.time()
        failed = await lease.work(work, stop)
        if not failed or loop.time() - began > pauses[1]:
            pause = pauses[0]
        await is_set_within(stop, pause if failed else try_every)
        pause = min(2 * pause, pauses[1]) if failed else pause


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event for at most so many seconds; return whether it is set."""
    if not event.is_set():
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait({waiting}, timeout=seconds)
        waiting.cancel()
    return event.is_set()


class _Lease:
    """The claim of this process on a reader; `_until` is its end by the loop's own clock."""

    def __init__(
        self, store: Store, reader: str, *, seconds: float, renew_every: float, grace: float
    ) -> None:
        self._store = store
        self._grace = grace
        self._token = secrets.token_hex(16)
        self._seconds = seconds
        self._renew_every = renew_every
        self._until = 0.0
        self._waits_for = ""
        self._reader = reader
        self._log = log.bind(reader=reader)

    async def acquire(self) -> bool:
        """Return whether this process now holds the lease; the reason why not is logged once."""
        asked_at = asyncio.get_running_loop().time()
        try:
            taken = await self._store.leases.acquire(
                self._reader, self._token, seconds=self._seconds
            )
        except LogUnavailable as exc:
            self._stand_by("redis", error=exc.detail)
            return False
        if not taken:
            self._stand_by("lease")
            return False
        self._until = asked_at + self._seconds
        self._waits_for = ""
        self._log.info("lease_taken")
        return True

    def _stand_by(self, waits_for: str, **details: str) -> None:
        if self._waits_for != waits_for:
            self._waits_for = waits_for
            self._log.info("reader_stood_by", waits_for=waits_for, **details)

    async def work(self, work: Work, stop: asyncio.Event) -> bool:
        """Hold the lease while the work runs; return whether the work failed."""
        ended = asyncio.Event()
        worker = asyncio.ensure_future(work(ended))
        try:
            await self._hold(worker, stop)
        finally:
            ended.set()
            await self._finish(worker)
            await self._release()
        return self._failed(worker)

    async def _hold(self, worker: asyncio.Future[None], stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {worker, stopping}
        try:
            while True:
                pause = max(0.0, min(self._renew_every, self._until - loop.time()))
                done, _ = await asyncio.wait(
                    ends, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    return
                if not await self._renew():
                    self._log.warning("lease_lost")
                    return
        finally:
            stopping.cancel()

    async def _renew(self) -> bool:
        """Return whether the lease is still held; a short outage of Redis does not end it."""
        asked_at = asyncio.get_running_loop().time()
        if asked_at >= self._until:
            return False
        try:
            renewed = await self._store.leases.renew(
                self._reader, self._token, seconds=self._seconds
            )
        except LogUnavailable:
            return True
        if renewed:
            self._until = asked_at + self._seconds
        return renewed

    async def _release(self) -> None:
        try:
            await self._store.leases.release(self._reader, self._token)
        except LogUnavailable:
            return  # the lease expires
        self._log.info("lease_released")

    async def _finish(self, worker: asyncio.Future[None]) -> None:
        await asyncio.wait({worker}, timeout=self._grace)
        if not worker.done():
            self._log.warning("reader_cancelled", grace_seconds=self._grace)
            worker.cancel()
            await asyncio.wait({worker}, timeout=self._grace)

    def _failed(self, worker: asyncio.Future[None]) -> bool:
        if not worker.done() or worker.cancelled():
            return False
        exc = worker.exception()
        if isinstance(exc, LeaseLost):
            self._log.warning("lease_lost", error=str(exc))
        elif exc is not None:
            self._log.error("reader_failed", exc_info=exc)
            return True
        return False
