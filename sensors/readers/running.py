"""The readers by name, and how a process runs some of them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog
from django.conf import settings

from realtime.broadcast.reader import run_broadcast
from sensors.exceptions import LogUnavailable
from sensors.history.reader import run_history
from sensors.readers.leases import is_set_within
from sensors.store.store import get_store

log = structlog.get_logger(__name__)

Reader = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
READERS: dict[str, Reader] = {"broadcast": run_broadcast, "history": run_history}
LOOK_SECONDS = 60.0
RETRY_SECONDS = 1.0


class VolatileLog(Exception):
    """One sentence: this Redis may forget what it took."""


async def run_readers(names: Iterable[str], stop: asyncio.Event) -> None:
    """Run these readers in this loop until `stop` is set.

    Raises what a reader raises, and VolatileLog when Redis may forget what it takes and
    ALLOW_VOLATILE_LOG does not say that this is meant.
    """
    running = [asyncio.create_task(READERS[name](stop)) for name in names]
    running.append(asyncio.create_task(_watch_log(stop)))
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def refuse_volatile_log() -> str | None:
    """Why the log may be lost, where that is allowed. Raises VolatileLog or LogUnavailable."""
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
    """Refuse a volatile log at the start; where it is allowed, say so every minute."""
    while not stop.is_set():
        try:
            if reason := await refuse_volatile_log():
                log.warning("log_found_volatile", reason=reason)
        except LogUnavailable:
            await is_set_within(stop, RETRY_SECONDS)
            continue
        await is_set_within(stop, LOOK_SECONDS)
