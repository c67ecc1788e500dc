"""Redis that does not answer for a while, and waits for what other tasks and threads do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from django.conf import settings
from django.db import connections

from sensors.store import client

T = TypeVar("T")


async def in_database(function: Callable[[], T]) -> T:
    """The function's answer from a thread that leaves no connection behind."""

    def ask() -> T:
        try:
            return function()
        finally:
            connections.close_all()

    return await asyncio.to_thread(ask)


@asynccontextmanager
async def redis_away() -> AsyncIterator[None]:
    """Nothing reaches Redis: fakeredis refuses everything, the run's own server stands still."""
    if client.is_memory(settings.REDIS_URL):
        client._memory().connected = False
        try:
            yield
        finally:
            client._memory().connected = True
        return
    redis = client.make_client(settings.REDIS_URL)
    pid = int((await redis.info("server"))["process_id"])
    await redis.aclose()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def happens(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Return as soon as the condition holds; TimeoutError when it never does."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
