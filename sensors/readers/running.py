"""The readers of this process, run by name."""

import asyncio
from collections.abc import Iterable

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from sensors.exceptions import LogUnavailable
from sensors.readers.leases import is_set_within, run_under_lease
from sensors.readers.reader import LogReader
from sensors.readers.registry import READERS
from sensors.store.store import get_store

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
RETRY_SECONDS = 1.0


class VolatileLog(Exception):
    """A Redis that may lose accepted readings; the message is one sentence."""


async def run_readers(names: Iterable[str], stop: asyncio.Event) -> None:
    """Run these readers in this loop until `stop` is set.

    Raises the exceptions of a reader, and VolatileLog when Redis may lose accepted readings
    without ALLOW_VOLATILE_LOG.
    """
    running = [asyncio.create_task(run_reader(name, stop)) for name in names]
    running.append(asyncio.create_task(_watch_log(stop)))
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def run_reader(name: str, stop: asyncio.Event) -> None:
    """Run one registered reader under its lease until `stop` is set."""
    reader_class: type[LogReader] = import_string(READERS[name].path)
    store = get_store()

    async def work(ended: asyncio.Event) -> None:
        await reader_class(store).run(ended)

    await run_under_lease(store, name, work, stop)


async def refuse_volatile_log() -> str | None:
    """Return why the log may be lost, where that is allowed.

    Raises VolatileLog where it is not, and LogUnavailable.
    """
    store = get_store()
    if store.in_memory:
        return None
    reason = await store.volatile_because()
    if reason and not settings.ALLOW_VOLATILE_LOG:
        raise VolatileLog(
            f"This Redis may lose accepted readings: {reason}. "
            "Change this, or set ALLOW_VOLATILE_LOG=true to run anyway."
        )
    return reason


async def _watch_log(stop: asyncio.Event) -> None:
    """Refuse a volatile log at the start; where it is allowed, log a warning every minute."""
    while not stop.is_set():
        try:
            if reason := await refuse_volatile_log():
                log.warning("log_found_volatile", reason=reason)
        except LogUnavailable:
            await is_set_within(stop, RETRY_SECONDS)
            continue
        await is_set_within(stop, LOOK_SECONDS)
