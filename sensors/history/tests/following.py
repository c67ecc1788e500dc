"""A history reader at work in a test, and the log it follows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from django.conf import settings

from sensors.history.reader import HistoryReader
from sensors.messages import START, Audience, LiveReading
from sensors.store import keys
from sensors.store.client import make_client, text
from sensors.store.store import Store

PATIENCE = 10.0  # seconds


@asynccontextmanager
async def reading(store: Store) -> AsyncIterator["asyncio.Task[None]"]:
    """A reader at work without a lease; a failure of it fails the test."""
    ended = asyncio.Event()
    task = asyncio.create_task(HistoryReader(store).run(ended))
    try:
        yield task
    finally:
        ended.set()
        await asyncio.wait_for(task, timeout=PATIENCE)


async def append(store: Store, readings: list[LiveReading]) -> str:
    receipt = await store.log.append(readings)
    assert receipt.position is not None
    return receipt.position


async def stored(store: Store, position: str) -> None:
    assert await store.progress.wait_stored(position, seconds=PATIENCE)


async def raw_entry(payload: bytes, **changes: Any) -> str:
    """An entry that no append of ours would write."""
    fields: dict[Any, Any] = {
        "kind": "readings",
        "machine": "CNC-001",
        "prev": START,
        "n": 1,
        "readings": payload,
    }
    client = make_client(settings.REDIS_URL)
    position = text(await client.xadd(keys.LOG, fields | changes))
    await client.aclose()
    return position


async def audience(store: Store, *, now_us: int) -> Audience:
    """Who watches and who listens, as the broadcaster is told."""
    _, _, audience = await store.log.read_with_audience(START, count=1, wait=False, now_us=now_us)
    return audience
