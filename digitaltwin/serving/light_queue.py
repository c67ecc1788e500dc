"""Minimal queue and event for sockets: thousands of idle sockets each hold one."""

import asyncio
from typing import Any


class LightQueue:
    """A minimal single-consumer queue; the four empty deques of asyncio.Queue take 3 kB."""

    __slots__ = ("_items", "_waiter")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._waiter: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._items

    def put_nowait(self, item: Any) -> None:
        self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Any:
        """Return the oldest item, waiting until there is one; for one caller at a time."""
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.pop(0)


class LightEvent:
    """A minimal asyncio.Event, set at first; it allocates only while it is cleared."""

    __slots__ = ("_cleared",)

    def __init__(self) -> None:
        self._cleared: asyncio.Event | None = None

    def is_set(self) -> bool:
        return self._cleared is None

    def clear(self) -> None:
        if self._cleared is None:
            self._cleared = asyncio.Event()

    def set(self) -> None:
        if self._cleared is not None:
            self._cleared.set()
            self._cleared = None

    async def wait(self) -> None:
        while self._cleared is not None:
            await self._cleared.wait()
