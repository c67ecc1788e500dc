"""A client's socket: a bounded outbox; no caller waits for the client."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog

from realtime import protocol
from realtime.access import Identity
from realtime.hub.followers import Follower
from realtime.protocol import Close
from realtime.transport import DirectTransport, text_frame
from sensors.metrics import DELIVERY_SECONDS, DROPPED
from sensors.timestamps import SECOND_US, now_us

log = structlog.get_logger(__name__)

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

OUTBOX_MESSAGES = 1000
OUTBOX_CHARACTERS = 512 * 1024
# Greetings and fills come on top, so that a socket far behind may catch up at its own speed.
CATCH_UP_CHARACTERS = 8 * 1024 * 1024
# A transport that does not accept the close frame in this time is left to the server.
CLOSE_SECONDS = 3.0


class Socket:
    """Writes to one client in order; a task runs only while messages are queued.

    `send` is ASGI's; with a `transport` a message that need not queue is written at once.
    `end` ends the consumer when the client does not even accept a close frame.
    `on_overflow` is called when the outbox was cleared, `on_drained` when the client has then
    received the messages that were on their way.
    """

    __slots__ = (
        "_catch_up",
        "_end",
        "_messages",
        "_overflowed",
        "_send",
        "_size",
        "_task",
        "_transport",
        "_writing_since",
        "followers",
        "identity",
        "is_closed",
        "kind",
        "on_drained",
        "on_overflow",
        "phase",
        "write",
    )

    def __init__(
        self,
        kind: str,
        send: Send,
        end: Callable[[], None],
        *,
        transport: DirectTransport | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.kind = kind
        self.identity = identity
        self.phase = 0
        self.followers: list[Follower] = []
        self.on_overflow: Callable[[Socket], None] = _no_op
        self.on_drained: Callable[[Socket], None] = _no_op
        self.is_closed = False
        self._send = send
        self._end = end
        # A list, which is empty nearly always: an empty deque takes 600 bytes.
        self._messages: list[tuple[str, int]] = []
        self._size = 0
        self._catch_up = 0
        self._overflowed = False
        self._task: asyncio.Task[None] | None = None
        self._writing_since: float | None = None
        self.write: Callable[[bytes], object] | None = None
        self._transport = transport
        if transport is not None:
            transport.on_change = self._update_write
            self._update_write()

    @property
    def is_idle(self) -> bool:
        return not self._messages and self._writing_since is None

    @property
    def is_greeted(self) -> bool:
        return any(follower.is_greeted for follower in self.followers)

    @property
    def about(self) -> tuple[str | None, str | None]:
        """(machine_id, cursor) of the socket's own messages; None for several machines."""
        if len(self.followers) != 1:
            return (None, None)
        [follower] = self.followers
        return (follower.feed.machine_id, follower.resume_cursor)

    def say(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a message of this socket alone."""
        machine_id, cursor = self.about
        self.put(protocol.message(kind, data, machine_id=machine_id, cursor=cursor))

    def stuck_seconds(self, now: float) -> float:
        """Return how long the client has not accepted the message being sent (loop time)."""
        return 0.0 if self._writing_since is None else now - self._writing_since

    def put(self, text: str, received_at: int = 0) -> None:
        """Send a message in its order; with `received_at` its delivery is measured."""
        if self.write is not None:
            self.write(text_frame(text))
            if received_at:
                _measure(received_at)
            return
        if self.is_closed:
            return
        full = self._size - self._catch_up >= OUTBOX_CHARACTERS
        if full or len(self._messages) >= OUTBOX_MESSAGES:
            self._overflow()
        else:
            self._add(text, received_at)

    def put_all(self, texts: Sequence[str]) -> None:
        """Send the messages that a socket missed: all of them, or a later `resync` instead."""
        if self.is_closed:
            return
        if self._catch_up >= CATCH_UP_CHARACTERS:
            self._overflow()
            return
        for text in texts:
            if self.write is not None:
                self.write(text_frame(text))
            else:
                self._catch_up += len(text)
                self._add(text, 0)

    def close(self, code: int) -> None:
        """Drop the queued messages and close with this code; the consumer gets the disconnect."""
        if self.is_closed:
            return
        self.is_closed = True
        writing = self._task
        self._clear()
        self._run(self._close(code, writing))

    async def aclose(self) -> None:
        """End all that runs for a client that has disconnected."""
        self.is_closed = True
        self._update_write()
        self._clear()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        # Objects in a reference cycle would stay until the garbage collector's next, rare run.
        self._end = _no_op_end
        if self._transport is not None:
            self._transport.release()

    def _add(self, text: str, received_at: int) -> None:
        self._messages.append((text, received_at))
        self._size += len(text)
        if self._task is None:
            self._run(self._drain())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.create_task(work)
        self._update_write()

    def _update_write(self) -> None:
        """Write at once while the transport accepts it and no message is queued."""
        transport, is_free = self._transport, self._task is None and not self.is_closed
        self.write = transport.write if transport is not None and is_free else None

    def _overflow(self) -> None:
        DROPPED.labels(what="outbox", reason="slow").inc(len(self._messages) + 1)
        self._clear()
        self._overflowed = True
        self.on_overflow(self)

    def _clear(self) -> None:
        self._messages.clear()
        self._size = self._catch_up = 0

    async def _drain(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while self._messages:
                text, received_at = self._messages.pop(0)
                self._size -= len(text)
                self._writing_since = clock()
                await self._send({"type": "websocket.send", "text": text})
                if received_at:
                    _measure(received_at)
            self._catch_up = 0
        except (OSError, RuntimeError) as exc:
            # The client has disconnected; the event is on its way.
            log.debug("socket_write_failed", error=repr(exc))
            self._clear()
        finally:
            self._writing_since = None
            if self._task is asyncio.current_task():
                self._task = None
                self._update_write()
        if self._overflowed:
            self._overflowed = False
            self.on_drained(self)

    async def _close(self, code: int, writing: asyncio.Task[None] | None) -> None:
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": int(code)})
        except (TimeoutError, OSError, RuntimeError):
            if code == Close.TOO_SLOW:
                log.info("socket_abandoned", kind=self.kind)
            self._end()


def _measure(received_at: int) -> None:
    DELIVERY_SECONDS.observe((now_us() - received_at) / SECOND_US)


def _no_op(socket: Socket) -> None:
    """No-op until the hub adds the socket."""


def _no_op_end() -> None:
    """No-op: the consumer has ended."""
