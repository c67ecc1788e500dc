"""What a socket waits with, as small as one reader needs it: thousands of sockets are idle."""

import asyncio
from typing import Any


class LightQueue:
    """As much of asyncio.Queue as one reader needs; four empty deques a socket take 3 kB."""

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
        """The oldest item, as soon as there is one; one caller at a time."""
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.pop(0)


class LightEvent:
    """As much of asyncio.Event as is needed, open at first; no deque until somebody waits."""

    __slots__ = ("_shut",)

    def __init__(self) -> None:
        self._shut: asyncio.Event | None = None

    def is_set(self) -> bool:
        return self._shut is None

    def clear(self) -> None:
        if self._shut is None:
            self._shut = asyncio.Event()

    def set(self) -> None:
        if self._shut is not None:
            self._shut.set()
            self._shut = None

    async def wait(self) -> None:
        while self._shut is not None:
            await self._shut.wait()
