"""uvicorn's protocols with the limits it has not: on a request's head, and on peers gone silent."""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode

from digitaltwin.serving.direct_response import DirectResponse
from digitaltwin.serving.light_queue import LightEvent, LightQueue
from digitaltwin.serving.request_context import DIRECT_RESPONSE
from realtime.transport import ABORT, TRANSPORT, DirectTransport

HEAD_SECONDS = 10.0
HEAD_BYTES = 32 * 1024
URL_BYTES = 8 * 1024
# Last words get this long to arrive: closing at once what is still sending resets it, and the
# peer reads nothing. One that takes nothing would keep its connection for ever.
CLOSE_SECONDS = 2.0
# A message in more pieces than this costs more to collect than any of ours is worth.
MAX_FRAGMENTS = 1000


class RefusedHead(Exception):
    """A request's head that is not read on: the parser turns it into its own error, a 400."""


class HttpProtocol(HttpToolsProtocol):
    """A request's head ends within HEAD_SECONDS and HEAD_BYTES and names one host.

    The parser has no limits of its own, and the keep-alive timer stops with the first byte.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _reads_head = True
    _refuses_next = 0
    _is_refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        self.cycle = cast(Any, None)  # it holds this

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = cast(Any, None)  # it holds this

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self._refuses_next:
            return
        if self._reads_head:
            self._expect_head()
        # Counted before it is parsed: a body that ends in it begins the count anew.
        self._head_bytes += len(data)
        super().data_received(data)
        if self._reads_head and self._head_bytes > HEAD_BYTES:
            self._refuse(431)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            raise RefusedHead

    def on_headers_complete(self) -> None:
        self._reads_head = False
        self._stop_timer()
        size = hosts = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            hosts += name == b"host"
        if size > HEAD_BYTES or hosts != 1:
            raise RefusedHead
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            # Its task has not begun.
            cast(Any, self.scope)["extensions"] = {DIRECT_RESPONSE: DirectResponse(self.cycle)}

    def on_message_complete(self) -> None:
        self._reads_head, self._head_bytes = True, 0
        super().on_message_complete()

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refuses_next:
            self._refuse(self._refuses_next)

    def _refuse(self, status: int) -> None:
        """Answer and hear no more; not before the answers under way are complete."""
        self._stop_timer()
        self._refuses_next = status
        if self._is_refused or self._is_answering() or self.transport.is_closing():
            return
        self._is_refused = True
        line = STATUS_LINE[status]
        self.transport.write(line + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.write_eof()
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


class SocketProtocol(WebSocketsSansIOProtocol):
    """Lets the application abort and write at once; ends peers that do not take their close frame.

    A message has a size limit already, which pieces of nothing never reach: those are counted.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wire = DirectTransport()
        super().__init__(*args, **kwargs)
        self.queue = cast(Any, LightQueue())
        self.writable = cast(Any, LightEvent())

    @property
    def close_sent(self) -> bool:
        """Set by uvicorn in many places; after our close frame nothing more may be written."""
        return self._close_sent

    @close_sent.setter
    def close_sent(self, value: bool) -> None:
        self._close_sent = value
        self._open_wire()

    def _open_wire(self) -> None:
        """Let the application write, or not: called after all that bears on it."""
        is_open = (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and not self.transport.is_closing()
            and self.writable.is_set()
        )
        self._wire.write = self.transport.write if is_open else None
        self._wire.on_change()

    def start_keepalive(self) -> None:
        """The handshake is over: what was said in it is not kept."""
        self.request = self.response = cast(Any, None)
        super().start_keepalive()
        self._open_wire()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._open_wire()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._open_wire()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._open_wire()
        self.conn.parser.close()  # its frame holds the connection

    def handle_close(self, event: Any) -> None:
        super().handle_close(event)
        self._open_wire()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[ABORT] = self.transport.abort
            extensions[TRANSPORT] = self._wire

    def handle_cont(self, event: Any) -> None:
        if self.close_sent:
            return
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
            return
        code = CloseCode.MESSAGE_TOO_BIG
        self.conn.fail(code, "too many fragments")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.close_sent = True
        # Not closed at once: what is still on its way would reset it, and the code were lost.
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self._abort_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_soon()

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except InvalidState:  # the client is closing it already
            self.transport.close()
        self._open_wire()
        self._abort_soon()

    def _abort_soon(self) -> None:
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
