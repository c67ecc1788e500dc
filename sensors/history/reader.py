"""The history reader: the log's readings become rows, none lost and none doubled."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import connection

from sensors.chunks import chunked
from sensors.history.entries import store_entries
from sensors.history.writer import READER
from sensors.messages import LogEntry
from sensors.metrics import ROWS_STORED
from sensors.readers.reader import DurableReader
from sensors.store.store import Store

# Rows of one transaction. SQLite has one writer at a time: short transactions and a pause let the
# others in (without the pause they waited up to 1.8 s).
MAX_ROWS = {"postgresql": 5000, "sqlite": 500}
PAUSE_SECONDS = {"postgresql": 0.0, "sqlite": 0.005}
# A small transaction costs nearly as much as a large one: entries that come in the meantime share
# the next one, for longer while no request waits for its row. Not with the log in memory, where
# every request does.
GATHER_SECONDS = 0.5
GATHER_AWAITED_SECONDS = 0.02
SMALL_SHARE = 4
MAX_ENTRIES = 2000


class HistoryReader(DurableReader):
    """Stores readings in batches of whole entries, one transaction each."""

    name = READER

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._max_rows = MAX_ROWS[connection.vendor]
        self._pause = PAUSE_SECONDS[connection.vendor]
        self._gathers = False
        self._readings_per_entry = 1.0

    async def read(self) -> tuple[list[LogEntry], str]:
        """Gather entries after a small transaction, then read enough of them for the next."""
        if self._gathers:
            self._gathers = False
            await asyncio.sleep(GATHER_AWAITED_SECONDS)
            await self.store.progress.is_flush_requested(
                within=GATHER_SECONDS - GATHER_AWAITED_SECONDS
            )
        count = max(1, min(MAX_ENTRIES, int(self._max_rows / self._readings_per_entry)))
        return await self.store.log.read_with_epoch(self.position, count=count, reader=self.name)

    def batches(self, entries: Sequence[LogEntry]) -> Iterable[Sequence[LogEntry]]:
        """Split the entries into transactions of at most so many rows."""
        return chunked(entries, weight=lambda entry: entry.count, limit=self._max_rows)

    async def handle(self, entries: Sequence[LogEntry]) -> None:
        """Store the readings and move the position in one transaction."""
        written = await self.database.run(
            partial(store_entries, entries, epoch=self.epoch, start=self.position)
        )
        ROWS_STORED.inc(written.stored)
        rows = sum(entry.count for entry in entries)
        self._readings_per_entry = max(1.0, rows / len(entries))
        self._gathers = not self.store.in_memory and rows < self._max_rows // SMALL_SHARE

    async def finish(self, batch: Sequence[LogEntry]) -> None:
        """Let other writers of the database in."""
        if batch:
            await asyncio.sleep(self._pause)
