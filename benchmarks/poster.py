"""A keep-alive HTTP/1.1 connection that posts, one request in flight."""

import asyncio
import re
from typing import cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Poster(asyncio.Protocol):
    """`status = await poster.post(path, headers, body)`; understands Content-Length only."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def post(self, path: str, headers: str, body: bytes) -> asyncio.Future[int]:
        """Post and return the status. Raises ConnectionError without an answer."""
        self._answer = asyncio.get_running_loop().create_future()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\n{headers}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) >= int(length[1]) and self._answer:
            answer, self._answer, self._buffer = self._answer, None, b""
            answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        self.is_lost = True
        self._transport.close()
