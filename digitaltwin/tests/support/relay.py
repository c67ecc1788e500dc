"""A network that can fail: a TCP relay between a browser and the product."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from digitaltwin.tests.support.servers import LOOPBACK, free_port

CHUNK = 65_536
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\nConnection: close\r\n\r\n502\n"


class Relay:
    """Relay of a free port to the target's port, with failures on request."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.accepted = 0
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._answers_502 = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def mend(self) -> None:
        """Accept connections and forward bytes."""
        self._flows.set()
        self._answers_502 = False
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    def stall(self) -> None:
        """Stop forwarding without closing connections, as after a pulled cable."""
        self._flows.clear()

    def refuse(self) -> None:
        """Stop listening and reset every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()

    def answer_502(self) -> None:
        """Answer every connection by 502, as a proxy whose server is away."""
        self._answers_502 = True
        self.drop()

    def drop(self) -> None:
        """Reset every connection; accept new connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def aclose(self) -> None:
        self._flows.set()
        self.refuse()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.accepted += 1
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self._answers_502:
                writer.write(BAD_GATEWAY)
                writer.close()
            else:
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target_reader, target_writer = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(target_writer)
        pumps = [
            asyncio.create_task(self._pump(reader, target_writer)),
            asyncio.create_task(self._pump(target_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers.discard(target_writer)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.close()
            target_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[Relay]:
    """Run a relay in front of the product at this address."""
    relay = Relay(int(url.rpartition(":")[2]))
    await relay.mend()
    try:
        yield relay
    finally:
        await relay.aclose()
