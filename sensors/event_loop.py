"""Objects of which a process needs one per event loop, made at first use inside the loop."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """A factory that calls `make` once per event loop; it needs no lifespan events."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        loop = asyncio.get_running_loop()
        instance = self._made.get(loop)
        if instance is None:
            instance = self._made[loop] = self._make()
        return instance

    def forget(self) -> T | None:
        """Remove and return the instance of this loop, so that it can be closed."""
        return self._made.pop(asyncio.get_running_loop(), None)
