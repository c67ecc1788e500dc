"""Readers at work in a test, and a durable reader that only the tests register."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from django.db import transaction
from django.utils.module_loading import import_string

from sensors.messages import LogEntry, position_key
from sensors.readers import positions
from sensors.readers.reader import DurableReader, LogReader
from sensors.readers.registry import READERS, RegisteredReader
from sensors.store.store import Store

PATIENCE = 10.0  # seconds
TALLY = RegisteredReader("tally", "sensors.readers.tests.readers.TallyReader", is_durable=True)


class TallyReader(DurableReader):
    """The smallest durable reader: its only row is its position."""

    name = TALLY.name

    async def handle(self, entries: Sequence[LogEntry]) -> None:
        start, end = (self.epoch, self.position), (self.epoch, entries[-1].position)
        await self.database.run(partial(_move, self.name, start, end))


@transaction.atomic
def _move(reader: str, start: tuple[str, str], end: tuple[str, str]) -> None:
    positions.move(reader, start=start, end=end)


def class_of(name: str) -> type[LogReader]:
    """Return the class of a registered reader."""
    reader_class: type[LogReader] = import_string(READERS[name].path)
    return reader_class


@asynccontextmanager
async def at_work(name: str, store: Store, handled: list[str]) -> AsyncIterator[LogReader]:
    """Run the reader without a lease; `handled` gets the positions that it handles.

    A failure of the reader fails the test.
    """
    reader_class = class_of(name)

    class Observed(reader_class):  # type: ignore[valid-type, misc]
        async def handle(self, entries: Sequence[LogEntry]) -> None:
            await super().handle(entries)
            handled.extend(entry.position for entry in entries)

    ended = asyncio.Event()
    reader: LogReader = Observed(store)
    task = asyncio.create_task(reader.run(ended))
    try:
        yield reader
    finally:
        ended.set()
        await asyncio.wait_for(task, timeout=PATIENCE)


async def mark_of(name: str, store: Store) -> tuple[str, str]:
    """Return the reader's mark in Redis: (epoch, position)."""
    _, [mark] = await store.progress.marks([name])
    return mark


async def marked(name: str, store: Store, position: str) -> None:
    """Return when the reader's mark has reached the position."""
    async with asyncio.timeout(PATIENCE):
        while position_key((await mark_of(name, store))[1]) < position_key(position):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
