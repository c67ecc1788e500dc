"""A subscriber of a machine: a minimal RFC 6455 client that checks for missed readings."""

import asyncio
import base64
import os
import re
import time
from collections import defaultdict
from typing import cast

_NUMBERS = re.compile(rb'"seq":\s*(\d+)')
_STATE = re.compile(rb'"type":\s*"(?:initial_data|resync)"')
_PING, _PONG = 9, 10
_MASKED, _TEXT_FRAMES = 0x80, (0, 1, 2)


class Deliveries:
    """Deliveries to all watchers of a load; moments are of `time.perf_counter`."""

    def __init__(self) -> None:
        self.sent_at: defaultdict[str, list[float]] = defaultdict(list)
        self.seconds: list[float] = []
        self.last_seconds: dict[tuple[str, int], float] = {}
        self.doubled = 0
        self.closed = 0

    def arrived(self, machine: str, number: int) -> None:
        seconds = time.perf_counter() - self.sent_at[machine][number]
        self.seconds.append(seconds)
        self.last_seconds[machine, number] = seconds  # later ones overwrite earlier ones


class Watcher(asyncio.Protocol):
    """A socket on one machine."""

    def __init__(self, machine: str, request: str, deliveries: Deliveries) -> None:
        self._machine = machine
        self._request = request
        self._deliveries = deliveries
        self._buffer = bytearray()
        self._next_number = 0
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            (
                f"{self._request}Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.opened.done() and not self._read_handshake():
            return
        while frame := self._take_frame():
            opcode, payload = frame
            if opcode == _PING:
                self._transport.write(bytes([0x80 | _PONG, _MASKED | len(payload)]) + b"\0" * 4)
                self._transport.write(payload)  # a mask of zeros is a valid mask
            elif opcode in _TEXT_FRAMES:
                self._read_message(payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deliveries.closed += 1
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("the handshake was refused"))

    def close(self) -> None:
        self._transport.abort()

    def _read_handshake(self) -> bool:
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self.opened.set_exception(ConnectionError(head[:200].decode("latin-1")))
            return False
        self._buffer = bytearray(rest)
        self.opened.set_result(None)
        return True

    def _take_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, at = buffer[1] & 0x7F, 2
        if length > 125:
            at = 4 if length == 126 else 10
            length = int.from_bytes(buffer[2:at], "big") if len(buffer) >= at else len(buffer)
        if len(buffer) < at + length:
            return None
        opcode, payload = buffer[0] & 15, bytes(buffer[at : at + length])
        del buffer[: at + length]
        return opcode, payload

    def _read_message(self, message: bytes) -> None:
        if _STATE.search(message, 0, 100):
            return
        for found in _NUMBERS.findall(message):
            number = int(found)
            if number < self._next_number:
                self._deliveries.doubled += 1
            else:
                self._next_number = number + 1
                self._deliveries.arrived(self._machine, number)
