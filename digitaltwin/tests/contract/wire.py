"""WebSocket frames and handshakes written by hand, which no client library would send."""

import base64
import json
import os
import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

from digitaltwin.tests.contract.instance import Instance, received, status_of
from digitaltwin.tests.contract.walk import Miss, expect

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
SECONDS = 5.0


def machine_path(here: Instance) -> str:
    return f"/ws/machines/{here.machine}"


@contextmanager
def opened(here: Instance, path: str = "", **options: Any) -> Iterator[ClientConnection]:
    """Open a socket with the operator's token."""
    address = here.url.replace("http", "ws", 1) + (path or machine_path(here))
    headers = {"Authorization": f"Bearer {here.token}"}
    with connect(address, additional_headers=headers, **options) as client:
        yield client


def message(client: ClientConnection, *kinds: str, seconds: float = SECONDS) -> dict[str, Any]:
    """Receive the next message of these kinds; by default of any kind but heartbeats."""
    while True:
        received_message: dict[str, Any] = json.loads(client.recv(timeout=seconds))
        kind = received_message["type"]
        if kind in kinds or (not kinds and kind != "heartbeat"):
            return received_message


def asked(client: ClientConnection, text: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """Send a message and receive its answer; readings of other devices may arrive before it."""
    client.send(json.dumps(text) if isinstance(text, dict) else text)
    while (answer := message(client))["type"] == "sensor_update":
        pass
    return answer


def head(here: Instance, *lines: str, path: str = "", token: bool = True, key: str = "") -> bytes:
    """Write the head of a handshake by hand."""
    own = [
        f"GET {path or machine_path(here)} HTTP/1.1",
        f"Host: {urlsplit(here.url).netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
    ]
    if key != "none":
        own.append(f"Sec-WebSocket-Key: {key or base64.b64encode(os.urandom(16)).decode()}")
    if token:
        own.append(f"Authorization: Bearer {here.token}")
    return "\r\n".join([*own, *lines, "", ""]).encode()


def handshake(here: Instance, *lines: str, **options: Any) -> int:
    """Send a handshake; return the status of the response."""
    return status_of(here.raw(head(here, *lines, **options), seconds=2))


@contextmanager
def raw_socket(here: Instance) -> Iterator[socket.socket]:
    """Open a WebSocket as a plain TCP socket, whose frames the check writes itself."""
    with here.connection() as there:
        there.settimeout(SECONDS)
        there.sendall(head(here))
        answer = there.recv(4096)
        expect(status_of(answer), 101, "handshake")
        yield there


def frame(opcode: int, payload: bytes, *, final: bool = True, masked: bool = True) -> bytes:
    """Build a frame (RFC 6455 5.2)."""
    first = (0x80 if final else 0) | opcode
    mask_bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        start = struct.pack("!BB", first, mask_bit | size)
    elif size < 65536:
        start = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        start = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return start + payload
    mask = secrets.token_bytes(4)
    masked_payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return start + mask + masked_payload


def close_code(there: socket.socket) -> int:
    """Return the code of the close frame that ends this socket; 0 when it ends without one."""
    stream = received_frames(received(there, seconds=SECONDS))
    for opcode, payload in stream:
        if opcode == CLOSE:
            return int(struct.unpack("!H", payload[:2])[0]) if len(payload) >= 2 else 1005
    return 0


def received_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the server's complete frames, which are never masked."""
    while len(data) >= 2:
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = struct.unpack("!H", data[2:4])[0], 4
        elif size == 127:
            size, start = struct.unpack("!Q", data[2:10])[0], 10
        if data[1] & 0x80:
            raise Miss("the server's frames are not masked")
        yield data[0] & 0x0F, data[start : start + size]
        data = data[start + size :]
