"""A request's body and its answer in one step each, where our own server runs beneath.

ASGI's messages for the same were a tenth of what a device's request costs, and two writes.
"""

from collections.abc import Callable, Sequence
from weakref import ref

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Headers = Sequence[tuple[bytes, bytes]]


class DirectResponse:
    """One request of one connection; `more_headers` gives what every answer has besides."""

    __slots__ = ("_cycle", "more_headers")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        # Its scope holds this: held in turn, both would stay until the collector comes.
        self._cycle = ref(cycle)
        self.more_headers: Callable[[], Headers] = tuple

    def body(self) -> bytes | None:
        """The body if it is all here; else it is to be received."""
        cycle = self._cycle()
        if cycle is None or cycle.more_body or cycle.disconnected:
            return None
        cycle.flow.resume_reading()
        return bytes(cycle.body)

    def answer(self, status: int, headers: Headers, body: bytes) -> bool:
        """Write a whole answer now; False, and nothing written, when the client is slow or gone.

        The headers are our own, never a client's: they are not looked through for line ends.
        """
        cycle = self._cycle()
        if cycle is None or cycle.disconnected or cycle.response_started:
            return False
        if cycle.flow.write_paused:
            return False
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers, *self.more_headers()):
            if name == b"connection" and value.lower() == b"close":
                cycle.keep_alive = False
            else:
                parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"content-length: %d\r\n\r\n" % len(body), body)
        cycle.transport.write(b"".join(parts))
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True
