"""A thread of its own for database work beside an event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import connections

T = TypeVar("T")
CLOSE_SECONDS = 3.0


class DatabaseThread:
    """A thread with database connections of its own; calls run one after the other.

    The async methods of Django's ORM share a single thread, in which a slow statement of one
    caller would delay all others.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[], T]) -> T:
        """Return the result of the function, called in the thread; raises its exceptions.

        A DatabaseError closes the connections: the next call opens them again.
        """
        return await self._submit(lambda: _with_connections(function))

    async def aclose(self) -> None:
        """Close the connections and end the thread.

        A statement in flight may take longer than CLOSE_SECONDS; the thread then ends after it.
        """
        closing = self._submit(connections.close_all)
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        self._executor.shutdown(wait=False)

    def _submit(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._executor, function)


def _with_connections(function: Callable[[], T]) -> T:
    try:
        return function()
    except DatabaseError:
        # The state of the connections is unknown.
        connections.close_all()
        raise
