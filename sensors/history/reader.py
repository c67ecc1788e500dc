"""The history reader: follows the log into the database, loses nothing, doubles nothing."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connection, connections

from sensors.exceptions import LogUnavailable
from sensors.history.entries import batches, store_entries
from sensors.messages import START, LogEntry
from sensors.metrics import ROWS_STORED
from sensors.readers import positions, trimming
from sensors.readers.lag import forget_lag, show_lag
from sensors.readers.leases import is_set_within, run_under_lease
from sensors.store.store import Store, get_store
from sensors.timestamps import now_us

log = structlog.get_logger(__name__)

T = TypeVar("T")
# Rows of one transaction. SQLite has one writer at a time: short turns and a pause let the others
# in (without the pause they waited up to 1.8 s).
MAX_ROWS = {"postgresql": 5000, "sqlite": 500}
PAUSE_SECONDS = {"postgresql": 0.0, "sqlite": 0.005}
# A small transaction costs nearly what a large one does: what comes in the meantime shares the
# next, for longer while nobody waits for a row. Not with the log in memory, where every answer
# does.
GATHER_SECONDS = 0.5
GATHER_AWAITED_SECONDS = 0.02
SMALL_SHARE = 4
MAX_ENTRIES = 2000
RETRY_SECONDS = (0.25, 1.0)
TEND_SECONDS = 2.0
TEND_FULL_SECONDS = 0.25
CLOSE_SECONDS = 3.0


async def run_history(stop: asyncio.Event) -> None:
    """Keep the database's history up with the log until `stop` is set."""
    store = get_store()

    async def work(ended: asyncio.Event) -> None:
        await HistoryReader(store).run(ended)

    await run_under_lease(store, positions.READER, work, stop)


class HistoryReader:
    """One holder of the lease; the database is only met in a thread of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=positions.READER)
        self._epoch, self._position = "", START
        self._most_rows = MAX_ROWS[connection.vendor]
        self._pause = PAUSE_SECONDS[connection.vendor]
        self._gathers = False
        self._readings_per_entry = 1.0
        self._outage = _Outage()

    async def run(self, ended: asyncio.Event) -> None:
        """Follow the log until `ended`. Raises LeaseLost when another process moved on."""
        tending = asyncio.create_task(self._tend(ended))
        try:
            while not ended.is_set():
                try:
                    await self._resume()
                    await self._follow(ended)
                except (DatabaseError, LogUnavailable) as exc:
                    await is_set_within(ended, self._outage.pause(exc))
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)
            forget_lag(positions.READER)
            await self._close()

    async def _resume(self) -> None:
        """Go on from where the database is, whatever became of the last transaction."""
        epoch = await self._store.epoch()
        self._epoch, self._position = await self._in_database(partial(positions.resume, epoch))
        await self._store.mark_stored(self._epoch, self._position)

    async def _follow(self, ended: asyncio.Event) -> None:
        """Store what comes; returns when the log is another one."""
        while not ended.is_set():
            entries, epoch = await self._read(ended)
            if epoch != self._epoch:
                await is_set_within(ended, 0.0 if epoch else RETRY_SECONDS[0])
                return
            for batch in batches(entries, most_rows=self._most_rows):
                if ended.is_set():
                    return
                await self._keep(batch)
            if not entries:
                # Redis may have lost the mark, or the epoch's time to live may run out.
                await self._store.mark_stored(self._epoch, self._position)
            self._outage.end()

    async def _read(self, ended: asyncio.Event) -> tuple[list[LogEntry], str]:
        """What comes next, and in which epoch; no entry when it is time to end."""
        read = asyncio.create_task(self._gather_and_read())
        ending = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait({read, ending}, return_when=asyncio.FIRST_COMPLETED)
            return await read if read.done() else ([], self._epoch)
        finally:
            ending.cancel()
            read.cancel()
            await asyncio.gather(read, return_exceptions=True)

    async def _gather_and_read(self) -> tuple[list[LogEntry], str]:
        if self._gathers:
            self._gathers = False
            await asyncio.sleep(GATHER_AWAITED_SECONDS)
            await self._store.is_stored_wanted(within=GATHER_SECONDS - GATHER_AWAITED_SECONDS)
        return await self._store.read_with_epoch(self._position, count=self._count())

    def _count(self) -> int:
        """Entries to read at once, so that they fill about one transaction."""
        wanted = int(self._most_rows / self._readings_per_entry)
        return max(1, min(MAX_ENTRIES, wanted))

    async def _keep(self, batch: Sequence[LogEntry]) -> None:
        written = await self._in_database(
            partial(store_entries, batch, epoch=self._epoch, start=self._position)
        )
        self._position = batch[-1].position
        rows = sum(entry.count for entry in batch)
        self._readings_per_entry = max(1.0, rows / len(batch))
        ROWS_STORED.inc(written.stored)
        await self._store.mark_stored(self._epoch, self._position)
        self._gathers = not self._store.in_memory and rows < self._most_rows // SMALL_SHARE
        self._outage.end()
        await asyncio.sleep(self._pause)

    async def _in_database(self, function: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _with_connection, function)

    async def _tend(self, ended: asyncio.Event) -> None:
        """Trim the log and say how far behind we are, also while the database is away."""
        while not ended.is_set():
            pause = TEND_SECONDS if self._epoch else TEND_FULL_SECONDS
            try:
                if self._epoch and await self._store.epoch() == self._epoch:
                    now = now_us()
                    is_full = await trimming.trim(self._store, self._position, now_us=now)
                    await show_lag(self._store, positions.READER, self._position, now_us=now)
                    pause = TEND_FULL_SECONDS if is_full else TEND_SECONDS
            except LogUnavailable:
                pass  # the reading loop says so
            except Exception:
                log.exception("trimming_failed")
            await is_set_within(ended, pause)

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        closing = loop.run_in_executor(self._thread, connections.close_all)
        # A statement in flight may take longer; then it closes behind us.
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        self._thread.shutdown(wait=False)


def _with_connection(function: Callable[[], T]) -> T:
    try:
        return function()
    except DatabaseError:
        # Whatever state the connection is in: the next try begins with a new one.
        connections.close_all()
        raise


class _Outage:
    """Database or Redis away: each change is logged once, not each try."""

    def __init__(self) -> None:
        self._since = 0.0
        self._pause = RETRY_SECONDS[0]

    def pause(self, exc: Exception) -> float:
        """Seconds until the next try."""
        if not self._since:
            self._since = asyncio.get_running_loop().time()
            what = "log" if isinstance(exc, LogUnavailable) else "database"
            log.warning("history_interrupted", lost=what, error=str(exc).strip())
        pause = self._pause
        self._pause = min(2 * pause, RETRY_SECONDS[1])
        return pause

    def end(self) -> None:
        if self._since:
            seconds = asyncio.get_running_loop().time() - self._since
            log.info("history_resumed", after_seconds=round(seconds, 1))
        self._since = 0.0
        self._pause = RETRY_SECONDS[0]
