"""Posts batches as a device does: bounded, in order, and again until they are answered.

The simulator and the replay use it. Posting again is safe: the server knows repeats.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import httpx

from sensors.devices.sending.answers import Tally
from sensors.devices.sending.delivery import IN_FLIGHT, Delivery
from sensors.devices.sending.outbox import Batch, Outbox

# Some ten minutes of the default plant, within the quarter of an hour (RECENT_SECONDS) in which
# the server knows repeats by heart.
BUFFERED_BATCHES = 10_000


class Sender:
    """`async with Sender(client) as sender:` runs `in_flight` requests side by side.

    Batches of one machine go one after the other, in the order they were given.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        partial: bool = False,
        in_flight: int = IN_FLIGHT,
        buffer: int = BUFFERED_BATCHES,
    ) -> None:
        self.tally = Tally()
        self._delivery = Delivery(client, self.tally, partial=partial)
        self._in_flight = in_flight
        self._outbox = Outbox(buffer)
        self._changed = asyncio.Condition()
        self._failure: Exception | None = None
        self._workers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._in_flight)]
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _exc: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    @property
    def unanswered(self) -> int:
        """Readings that wait or are under way."""
        return self._outbox.readings

    @property
    def trouble(self) -> str:
        """Why nothing is taken at the moment, as a sentence; empty while all is well."""
        return self._delivery.trouble

    async def send(self, batches: Iterable[Batch]) -> None:
        """Resolve when every batch is answered; waits for room, drops nothing.

        Raises SendingStopped when no batch will ever be taken (401).
        """
        await self.queue(batches)
        await self.settled()

    async def queue(self, batches: Iterable[Batch]) -> None:
        """Take the batches, waiting for room; drops nothing. Raises as `send` does."""
        for batch in batches:
            async with self._changed:
                await self._changed.wait_for(lambda: self._failure or not self._outbox.is_full)
                self._put(batch)

    async def offer(self, batches: Iterable[Batch]) -> None:
        """Take the batches without waiting; when the buffer is full its oldest are dropped."""
        async with self._changed:
            for batch in batches:
                if self._outbox.is_full:
                    self.tally.dropped += self._outbox.drop_oldest().count
                self._put(batch)

    async def settled(self) -> None:
        """Resolve when nothing waits and nothing is under way. Raises as `send` does."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure or self._outbox.is_empty)
            self.check()

    def check(self) -> None:
        """Raise SendingStopped when no batch will ever be taken, as the other methods do."""
        if self._failure is not None:
            raise self._failure

    def _put(self, batch: Batch) -> None:
        self.check()
        self._outbox.put(batch)
        self._changed.notify_all()

    async def _work(self) -> None:
        while self._failure is None:
            async with self._changed:
                await self._changed.wait_for(lambda: self._outbox.is_ready)
                batch = self._outbox.take()
            try:
                await self._delivery.deliver(batch)
            except Exception as exc:  # whatever it is, whoever waits must hear of it
                self._failure = exc
            async with self._changed:
                self._outbox.settle(batch)
                self._changed.notify_all()
