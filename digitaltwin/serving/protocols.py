"""uvicorn's protocols with missing limits: on a request's head, and on silent peers."""

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
# Time for the last bytes to arrive before the connection is aborted. Closing at once while the
# peer still sends would reset the connection, and the peer would read nothing; a peer that reads
# nothing would keep its connection for ever.
CLOSE_SECONDS = 2.0
# Collecting more fragments than this costs more CPU than any message of the protocol needs.
MAX_FRAGMENTS = 1000


class RefusedHead(Exception):
    """A request head over a limit; httptools turns it into its own error, answered with 400."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP protocol whose request heads end within HEAD_SECONDS and HEAD_BYTES, with one Host.

    httptools has no limits of its own, and uvicorn's keep-alive timer stops at the first byte.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_reading_head = True
    _pending_refusal = 0
    _is_refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)
        self.cycle = cast(Any, None)  # breaks a reference cycle

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self.parser = cast(Any, None)  # breaks a reference cycle

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self._pending_refusal:
            return
        if self._is_reading_head:
            self._start_head_timer()
        # Counted before parsing: a body that ends in this data resets the count.
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_reading_head and self._head_bytes > HEAD_BYTES:
            self._refuse(431)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            raise RefusedHead

    def on_headers_complete(self) -> None:
        self._is_reading_head = False
        self._stop_head_timer()
        size = hosts = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            hosts += name == b"host"
        if size > HEAD_BYTES or hosts != 1:
            raise RefusedHead
        previous = self.cycle
        super().on_headers_complete()
        if self.cycle is not previous:
            # The request's task has not begun, so the application will see the extension.
            cast(Any, self.scope)["extensions"] = {DIRECT_RESPONSE: DirectResponse(self.cycle)}

    def on_message_complete(self) -> None:
        self._is_reading_head, self._head_bytes = True, 0
        super().on_message_complete()

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def send_400_response(self, msg: str) -> None:
        self._refuse(400)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._pending_refusal:
            self._refuse(self._pending_refusal)

    def _refuse(self, status: int) -> None:
        """Send this status and stop reading, as soon as responses in progress are complete."""
        self._stop_head_timer()
        self._pending_refusal = status
        if self._is_refused or self._is_responding() or self.transport.is_closing():
            return
        self._is_refused = True
        line = STATUS_LINE[status]
        self.transport.write(line + b"connection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.write_eof()
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket protocol that lets the application abort and write directly.

    It aborts peers that do not answer the close frame, and limits the fragments of a message:
    empty fragments never reach uvicorn's size limit.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._direct_transport = DirectTransport()
        super().__init__(*args, **kwargs)
        self.queue = cast(Any, LightQueue())
        self.writable = cast(Any, LightEvent())

    @property
    def close_sent(self) -> bool:
        """True once the close frame is written; nothing may follow it. uvicorn sets it often."""
        return self._close_sent

    @close_sent.setter
    def close_sent(self, value: bool) -> None:
        self._close_sent = value
        self._update_direct_transport()

    def _update_direct_transport(self) -> None:
        """Enable or disable direct writes; called after every change of a condition below."""
        is_open = (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and not self.transport.is_closing()
            and self.writable.is_set()
        )
        self._direct_transport.write = self.transport.write if is_open else None
        self._direct_transport.on_change()

    def start_keepalive(self) -> None:
        """Start pings after the handshake, whose request and response are dropped."""
        self.request = self.response = cast(Any, None)
        super().start_keepalive()
        self._update_direct_transport()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._update_direct_transport()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._update_direct_transport()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._update_direct_transport()
        self.conn.parser.close()  # the generator's frame holds the connection

    def handle_close(self, event: Any) -> None:
        super().handle_close(event)
        self._update_direct_transport()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[ABORT] = self.transport.abort
            extensions[TRANSPORT] = self._direct_transport

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
        # Not closed at once: frames still arriving would reset the connection, and the peer would
        # not read the close code.
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self._abort_later()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_later()

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except InvalidState:  # the client has begun to close
            self.transport.close()
        self._update_direct_transport()
        self._abort_later()

    def _abort_later(self) -> None:
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
