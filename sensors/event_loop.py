"""What a process needs one of per event loop, made at first use inside the running loop."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Calls `make` once in each event loop that asks; nothing relies on lifespan events."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        loop = asyncio.get_running_loop()
        made = self._made.get(loop)
        if made is None:
            made = self._made[loop] = self._make()
        return made

    def forget(self) -> T | None:
        """Take out this loop's, so that it can be closed."""
        return self._made.pop(asyncio.get_running_loop(), None)
