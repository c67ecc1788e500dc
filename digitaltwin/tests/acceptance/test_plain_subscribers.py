"""A program with only a Redis client receives the same messages as the sockets."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from digitaltwin.tests.support.servers import example
from realtime.broadcast.reader import BroadcastReader
from realtime.tests.readings import make_reading
from sensors.history.tests.following import audience
from sensors.messages import Audience
from sensors.store.store import Store

pytestmark = pytest.mark.redis

HOST = "redis://127.0.0.1:6379/0"


@pytest.fixture
async def store(redis_server: str) -> AsyncIterator[Store]:
    """The store of a Redis that other programs can reach, with a broadcaster at work."""
    store = Store(redis_server)
    stop = asyncio.Event()
    task = asyncio.create_task(BroadcastReader(store).run(stop))
    yield store
    stop.set()
    await task
    await store.aclose()


async def test_program_of_the_document_shows_each_value(redis_server: str, store: Store) -> None:
    program = example("docs/sockets.md", 1)
    assert HOST in program
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program.replace(HOST, redis_server), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10):
            while await audience(store, now_us=0) == Audience():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            await store.log.append([make_reading(1.5)])
            await store.log.append([make_reading(9.0, machine_id="MIL-002")])
            await store.log.append([make_reading(2.5)])
            shown = [await process.stdout.readline() for _ in range(2)]
    finally:
        process.kill()
        await process.communicate()

    assert shown == [b"1.5\n", b"2.5\n"]
