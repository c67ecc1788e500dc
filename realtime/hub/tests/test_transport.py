"""A socket with a wire: at once while the client takes it, in turn while it does not."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.frames import Opcode

from realtime.hub import Socket
from realtime.transport import DirectTransport, text_frame


class Client:
    """A client behind both ways; it reads while `reads` is set."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.code: int | None = None
        self.at_once = 0
        self.wire = DirectTransport()
        self.reads = asyncio.Event()
        self.read()
        self.socket = Socket("machine", self._send, self.reads.clear, transport=self.wire)

    def read(self) -> None:
        self.reads.set()
        self.wire.write = self._write
        self.wire.on_change()

    def stop_reading(self) -> None:
        self.reads.clear()
        self.wire.write = None
        self.wire.on_change()

    def _write(self, frame: bytes) -> None:
        self.at_once += 1
        self.heard.append(frame[2:].decode())

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "websocket.close":
            self.code = message["code"]
        else:
            self.heard.append(message["text"])


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_messages_are_written_at_once_and_wait_in_order_while_the_client_is_slow() -> None:
    client = Client()

    client.socket.put("1")
    client.socket.put_all(["2", "3"])
    at_once = list(client.heard)
    client.stop_reading()
    client.socket.put("4")
    client.socket.put_all(["5", "6"])
    await settle()
    while_slow = list(client.heard)
    client.read()
    client.socket.put("7")  # behind those that wait
    await settle()
    client.socket.put("8")

    assert at_once == while_slow == ["1", "2", "3"]
    assert client.heard == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert client.at_once == 4


async def test_nothing_follows_a_close_frame() -> None:
    client = Client()

    client.socket.close(4401)
    client.socket.put("late")
    await settle()
    client.read()
    client.socket.put("later")

    assert client.socket.write is None
    assert (client.code, client.heard) == (4401, [])


async def test_a_client_that_has_left_is_not_written_to() -> None:
    client = Client()

    await client.socket.aclose()
    client.read()

    assert client.socket.write is None


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frame_holds_the_text(size: int) -> None:
    text = ("ü" * size)[:size]
    data = text_frame(text)

    header = 2 if len(text.encode()) < 126 else 4 if len(text.encode()) < 65_536 else 10
    assert data[0] == 0x80 | Opcode.TEXT
    assert data[header:].decode() == text
