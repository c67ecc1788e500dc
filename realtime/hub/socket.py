"""One client's socket: a bounded outbox that nobody waits for."""

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
# A transport that does not take the close frame in this time is left to the server.
CLOSE_SECONDS = 3.0


class Socket:
    """Writes to one client in order; a task runs only while there is something to write.

    `send` is ASGI's; with a `wire` a message that need not wait is written at once.
    `end` ends the consumer when the client does not even take a close frame.
    `on_overflow` is called when the outbox was cleared, `on_drained` when the client has then
    taken what was on its way.
    """

    __slots__ = (
        "_catch_up",
        "_end",
        "_messages",
        "_overflowed",
        "_send",
        "_size",
        "_task",
        "_wire",
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
        wire: DirectTransport | None = None,
        identity: Identity | None = None,
    ) -> None:
        self.kind = kind
        self.identity = identity
        self.phase = 0
        self.followers: list[Follower] = []
        self.on_overflow: Callable[[Socket], None] = _nothing
        self.on_drained: Callable[[Socket], None] = _nothing
        self.is_closed = False
        self._send = send
        self._end = end
        # A list: it is empty nearly always, and an empty deque takes 600 bytes.
        self._messages: list[tuple[str, int]] = []
        self._size = 0
        self._catch_up = 0
        self._overflowed = False
        self._task: asyncio.Task[None] | None = None
        self._writing_since: float | None = None
        self.write: Callable[[bytes], object] | None = None
        self._wire = wire
        if wire is not None:
            wire.on_change = self._rewire
            self._rewire()

    @property
    def is_idle(self) -> bool:
        return not self._messages and self._writing_since is None

    @property
    def is_greeted(self) -> bool:
        return any(follower.is_greeted for follower in self.followers)

    @property
    def about(self) -> tuple[str | None, str | None]:
        """(machine_id, cursor) of its own messages; of several machines there is none."""
        if len(self.followers) != 1:
            return (None, None)
        [follower] = self.followers
        return (follower.feed.machine_id, follower.place)

    def say(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a message of this socket alone."""
        machine_id, cursor = self.about
        self.put(protocol.message(kind, data, machine_id=machine_id, cursor=cursor))

    def stuck_seconds(self, now: float) -> float:
        """For how long the client has not taken the message it was sent (loop time)."""
        return 0.0 if self._writing_since is None else now - self._writing_since

    def put(self, text: str, received_at: int = 0) -> None:
        """Send a message when its turn comes; with `received_at` its delivery is measured."""
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
        """Send what a socket needs to catch up, all of it or a later `resync` instead."""
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
        """Close with this code, whatever is still waiting; the consumer hears of it."""
        if self.is_closed:
            return
        self.is_closed = True
        writing = self._task
        self._forget()
        self._run(self._close(code, writing))

    async def aclose(self) -> None:
        """The client is gone: end what runs for it."""
        self.is_closed = True
        self._rewire()
        self._forget()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        # Who held on to each other would stay until the collector comes, which is rarely.
        self._end = _nothing_more
        if self._wire is not None:
            self._wire.leave()

    def _add(self, text: str, received_at: int) -> None:
        self._messages.append((text, received_at))
        self._size += len(text)
        if self._task is None:
            self._run(self._drain())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.create_task(work)
        self._rewire()

    def _rewire(self) -> None:
        """Write at once while the client takes it and nothing waits; called at every change."""
        is_free = self._task is None and not self.is_closed
        self.write = self._wire.write if self._wire is not None and is_free else None

    def _overflow(self) -> None:
        DROPPED.labels(what="outbox", reason="slow").inc(len(self._messages) + 1)
        self._forget()
        self._overflowed = True
        self.on_overflow(self)

    def _forget(self) -> None:
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
            # The client is gone; its disconnect event is on the way.
            log.debug("socket_write_failed", error=repr(exc))
            self._forget()
        finally:
            self._writing_since = None
            if self._task is asyncio.current_task():
                self._task = None
                self._rewire()
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


def _nothing(socket: Socket) -> None:
    """Until the hub takes the socket."""


def _nothing_more() -> None:
    """The consumer has ended."""
