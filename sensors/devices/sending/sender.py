"""Sender of batches as a device: bounded, in order, with retries until they are answered.

Used by the simulator and the replay. A retry is safe: the server recognises duplicates.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import httpx

from sensors.devices.sending.answers import Tally
from sensors.devices.sending.delivery import IN_FLIGHT, Delivery
from sensors.devices.sending.outbox import Batch, Outbox

# About ten minutes of the default plant, within the 15 minutes (RECENT_SECONDS) in which the
# server recognises duplicates without the database.
BUFFERED_BATCHES = 10_000


class Sender:
    """Runs `in_flight` requests at a time: `async with Sender(client) as sender:`.

    Batches of a machine are posted one after the other, in the order given.
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
        """Count of readings waiting or in flight."""
        return self._outbox.readings

    @property
    def trouble(self) -> str:
        """The reason why requests fail now, as a sentence; empty otherwise."""
        return self._delivery.trouble

    async def send(self, batches: Iterable[Batch]) -> None:
        """Send the batches and wait for every answer; nothing is dropped.

        Raises SendingStopped when no batch can ever be accepted (401).
        """
        await self.queue(batches)
        await self.settled()

    async def queue(self, batches: Iterable[Batch]) -> None:
        """Queue the batches, waiting for room; nothing is dropped. Raises as `send` does."""
        for batch in batches:
            async with self._changed:
                await self._changed.wait_for(lambda: self._failure or not self._outbox.is_full)
                self._put(batch)

    async def offer(self, batches: Iterable[Batch]) -> None:
        """Queue the batches without waiting; a full buffer drops its oldest."""
        async with self._changed:
            for batch in batches:
                if self._outbox.is_full:
                    self.tally.dropped += self._outbox.drop_oldest().count
                self._put(batch)

    async def settled(self) -> None:
        """Wait until no batch waits or is in flight. Raises as `send` does."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure or self._outbox.is_empty)
            self.check()

    def check(self) -> None:
        """Raise SendingStopped when no batch can ever be accepted, as the other methods do."""
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
                batch = self._outbox.next_batch()
            try:
                await self._delivery.deliver(batch)
            except Exception as exc:  # raised to every waiting caller
                self._failure = exc
            async with self._changed:
                self._outbox.settle(batch)
                self._changed.notify_all()
