"""Readers of the log: the base classes that all readers share."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar

import structlog
from django.conf import settings
from django.db import Error as DatabaseError

from sensors.database_thread import DatabaseThread
from sensors.exceptions import LogUnavailable
from sensors.messages import START, LogEntry, position_key
from sensors.readers import positions
from sensors.readers.lag import clear_lag, show_lag
from sensors.readers.leases import is_set_within
from sensors.readers.outages import Outage
from sensors.readers.trimming import trim
from sensors.store.store import Store
from sensors.timestamps import now_us

log = structlog.get_logger(__name__)

MAX_ENTRIES = 1000
# While the log has no epoch, and while it is too full.
SHORT_BOOKKEEPING_SECONDS = 0.25


class LogReader(ABC):
    """A reader of the log for one lease term.

    Reads on from its position, survives outages of Redis and the database, begins anew when the
    log's epoch changes, and shows its consumer lag. A subclass implements `handle` and overrides
    the other hooks where it differs.

    The position is only marked in Redis, about once a second: after a crash, entries may be
    handled twice. A reader that owns rows is a `DurableReader`.
    """

    name: ClassVar[str]
    bookkeeping_seconds: ClassVar[float] = 1.0
    retry_seconds: ClassVar[tuple[float, float]] = (0.25, 1.0)

    def __init__(self, store: Store) -> None:
        self.store = store
        self.epoch = ""
        self.position = ""
        self._marked = ""
        self._is_resumed = False
        self._wait: asyncio.Timeout | None = None
        self._outage = Outage(self.name, pauses=self.retry_seconds)

    # Hooks

    @abstractmethod
    async def handle(self, entries: Sequence[LogEntry]) -> None:
        """Handle one batch of entries in log order; skip entries of an unknown kind."""

    async def begin(self) -> None:
        """Prepare to read on from `position`, at the start and after an epoch change."""
        return

    async def read(self) -> tuple[list[LogEntry], str]:
        """Return the entries after `position` and their epoch; wait up to a second for one."""
        return await self.store.log.read_with_epoch(
            self.position, count=MAX_ENTRIES, reader=self.name
        )

    def batches(self, entries: Sequence[LogEntry]) -> Iterable[Sequence[LogEntry]]:
        """Split the entries of one read into those that are handled together."""
        return (entries,)

    async def finish(self, batch: Sequence[LogEntry]) -> None:
        """Do the rest of a turn after its batch, which is empty after an empty read."""
        return

    async def bookkeeping(self) -> float:
        """Do the periodic work; return the seconds until the next time."""
        await self._save_mark()
        await show_lag(self.store, self.name, self.position, now_us=now_us())
        return self.bookkeeping_seconds

    # The read loop

    async def run(self, ended: asyncio.Event) -> None:
        """Follow the log until `ended` is set. Raises LeaseLost when another process took over."""
        interrupting = asyncio.create_task(self._interrupt_wait(ended))
        bookkeeping = asyncio.create_task(self._do_bookkeeping(ended))
        try:
            while not ended.is_set():
                try:
                    await self._follow(ended)
                except (DatabaseError, LogUnavailable) as exc:
                    self._suspend()
                    await is_set_within(ended, self._outage.pause(exc))
        finally:
            interrupting.cancel()
            if not ended.is_set():
                # Otherwise it ends by itself: redis-py loses a connection of a cancelled call.
                bookkeeping.cancel()
            await asyncio.gather(interrupting, bookkeeping, return_exceptions=True)
            clear_lag(self.name)
            await self._close()

    async def _follow(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            if not self._is_resumed:
                await self._resume()
            entries, epoch = await self._read(ended)
            if epoch == self.epoch or self._adopt(epoch):
                await self._handle_batches(entries, ended)
            elif epoch:
                self._is_resumed = False
            else:
                # Redis lost the log, and no reading has begun a new one.
                await is_set_within(ended, self.retry_seconds[0])

    async def _handle_batches(self, entries: Sequence[LogEntry], ended: asyncio.Event) -> None:
        for batch in self.batches(entries) if entries else ((),):
            if ended.is_set():
                return
            if batch:
                await self.handle(batch)
                self.position = batch[-1].position
            await self._save()
            await self.finish(batch)
            self._outage.end()

    async def _read(self, ended: asyncio.Event) -> tuple[list[LogEntry], str]:
        """Read on; return no entries when `ended` is set before there are any."""
        if ended.is_set():
            return [], self.epoch
        try:
            # A task for each read, to wait for it and for `ended`, would cost more than the read.
            async with asyncio.timeout(None) as self._wait:
                return await self.read()
        except TimeoutError:
            if not ended.is_set():
                raise
            return [], self.epoch
        finally:
            self._wait = None

    async def _interrupt_wait(self, ended: asyncio.Event) -> None:
        await ended.wait()
        if self._wait is not None:
            self._wait.reschedule(asyncio.get_running_loop().time())

    # The position

    async def _resume(self) -> None:
        await self._restore_position()
        await self.begin()
        self._is_resumed = True

    async def _restore_position(self) -> None:
        """Set epoch and position: the mark or RECENT_SECONDS ago, whichever is later."""
        epoch = await self.store.log.epoch()
        if not self.position:
            _, [(marked_epoch, marked)] = await self.store.progress.marks([self.name])
            recent = f"{max(0, now_us() // 1000 - settings.RECENT_SECONDS * 1000)}-0"
            is_later = marked_epoch == epoch and position_key(marked) > position_key(recent)
            self.epoch, self.position = epoch, marked if is_later else recent
        elif epoch and epoch != self.epoch:
            if self.epoch:
                # A read from the old position would skip entries, or wait for ever.
                log.error(
                    "epoch_changed",
                    reader=self.name,
                    epoch=epoch,
                    before=self.epoch,
                    position=self.position,
                )
            self.epoch, self.position = epoch, START

    def _adopt(self, epoch: str) -> bool:
        """Take the first epoch of a log that had none: the position before it is still right.

        Return whether the entries just read can be handled; otherwise they are read again.
        """
        if not self.epoch:
            self.epoch = epoch
        return self.epoch == epoch

    def _suspend(self) -> None:
        """Prepare for an outage: the position in memory is still right after it."""
        return

    async def _save(self) -> None:
        """Save the position after a batch; here the bookkeeping does it."""
        return

    async def _save_mark(self) -> None:
        position = self.position
        if self.epoch and position != self._marked:
            await self.store.progress.mark(self.name, self.epoch, position)
            self._marked = position

    async def _close(self) -> None:
        try:
            await self._save_mark()
        except LogUnavailable as exc:
            log.warning("position_not_marked", reader=self.name, error=exc.detail)

    # Beside the read loop

    async def _do_bookkeeping(self, ended: asyncio.Event) -> None:
        """Do the bookkeeping now and then, also while the database is away."""
        while not ended.is_set():
            pause = self.bookkeeping_seconds if self.epoch else SHORT_BOOKKEEPING_SECONDS
            try:
                if self.epoch and await self.store.log.epoch() == self.epoch:
                    pause = await self.bookkeeping()
            except LogUnavailable:
                pass  # the read loop logs it
            except Exception:
                log.exception("bookkeeping_failed", reader=self.name)
            await is_set_within(ended, pause)


class DurableReader(LogReader):
    """A reader that owns rows in the database.

    `handle` writes them in one transaction that also moves the saved position
    (`positions.move`): a crash at any point, or a process that wakes up after its lease term,
    neither loses nor doubles an entry. Every durable reader at work trims the log.
    """

    bookkeeping_seconds = 2.0

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.database = DatabaseThread(self.name)

    async def bookkeeping(self) -> float:
        """Trim the log and show the lag; return the seconds until the next time."""
        now = now_us()
        is_full = await trim(self.store, now_us=now)
        await show_lag(self.store, self.name, self.position, now_us=now)
        return SHORT_BOOKKEEPING_SECONDS if is_full else self.bookkeeping_seconds

    async def _restore_position(self) -> None:
        """Set epoch and position from the database, whatever became of the last transaction."""
        epoch = await self.store.log.epoch()
        self.epoch, self.position = await self.database.run(
            partial(positions.resume, self.name, epoch)
        )
        await self._save()

    def _adopt(self, epoch: str) -> bool:
        # The database has the epoch, too: it is moved there first.
        return False

    def _suspend(self) -> None:
        self._is_resumed = False

    async def _save(self) -> None:
        """Mark the position that the database has.

        Also after a read of nothing: Redis may have lost the mark, or the epoch's time to live
        may run out.
        """
        await self.store.progress.mark(self.name, self.epoch, self.position)

    async def _close(self) -> None:
        await self.database.aclose()
