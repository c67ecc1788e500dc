"""A TCP balancer on loopback: `python -m benchmarks.balancer PORT SERVER_PORT [SERVER_PORT ...]`.

Connections go to the servers in turn, past those that refuse; bytes pass both ways unread, and an
end that closes ends the other.
"""

import asyncio
import itertools
import signal
import sys
from collections.abc import Callable, Sequence
from typing import cast

import uvloop

_HOST = "127.0.0.1"
_WAITING_CONNECTIONS = 1024


class _End(asyncio.Protocol):
    """One end of a pair of connections: bytes go to the other end with backpressure."""

    def __init__(self) -> None:
        self.other: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other:
            self.other.write(data)

    def pause_writing(self) -> None:
        if self.other:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other:
            self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other:
            self.other.close()


class _Client(_End):
    """The client's end; bytes wait until a server is connected."""

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        super().__init__()
        self._ports = ports
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self.other:
            self.other.write(data)
        else:
            self._early.append(data)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        for port in self._ports():
            try:
                _, server = await loop.create_connection(_End, _HOST, port)
            except OSError:
                continue
            if self.transport.is_closing():
                server.transport.close()
                return
            self.other, server.other = server.transport, self.transport
            self.other.writelines(self._early)
            return
        self.transport.close()


async def _balance(port: int, servers: Sequence[int]) -> None:
    firsts = itertools.cycle(range(len(servers)))

    def in_turn() -> Sequence[int]:
        first = next(firsts)
        return [*servers[first:], *servers[:first]]

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: _Client(in_turn), _HOST, port, backlog=_WAITING_CONNECTIONS
    )
    await stop.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(_balance(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
