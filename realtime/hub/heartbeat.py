"""Heartbeats, and the end of slow or expired sockets."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

import structlog
from django.conf import settings

from realtime.hub.socket import Socket
from realtime.protocol import Close, Heartbeat
from sensors.messages import FeedHealth
from sensors.metrics import DROPPED
from sensors.timestamps import now_us

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
# A client that takes longer for one message does not read.
STUCK_SECONDS = 10.0
# Sockets served before other tasks run.
SLICE = 200


class HeartbeatSender:
    """Sends each socket a heartbeat every HEARTBEAT_SECONDS, spread over the seconds."""

    def __init__(self, sockets: Callable[[], Iterable[Socket]], state: Callable[[], FeedHealth]):
        self._sockets = sockets
        self._state = state
        self._all_at_once = False

    def beat_soon(self) -> None:
        """Send all sockets a heartbeat within a second: the state of the feed changed."""
        self._all_at_once = True

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        started, tick = loop.time(), 0
        while True:
            tick += 1
            await asyncio.sleep(max(0.0, started + tick * TICK_SECONDS - loop.time()))
            try:
                self.close_overdue(loop.time(), now_us())
                await self.beat(tick)
            except Exception:
                log.exception("heartbeat_failed")

    def close_overdue(self, now: float, moment_us: int) -> None:
        """Close the sockets that do not read, and those whose token has expired."""
        for socket in list(self._sockets()):
            identity = socket.identity
            if socket.is_closed:
                continue
            if socket.stuck_seconds(now) >= STUCK_SECONDS:
                DROPPED.labels(what="socket", reason="slow").inc()
                log.info("slow_socket_closed", kind=socket.kind)
                socket.close(Close.TOO_SLOW)
            elif identity is not None and identity.is_over(moment_us):
                socket.close(Close.NOT_AUTHENTICATED)

    async def beat(self, tick: int) -> None:
        """Send the heartbeats that are due at this tick; sockets share equal texts."""
        clock = asyncio.get_running_loop().time
        every = settings.HEARTBEAT_SECONDS
        due = [s for s in self._sockets() if self._all_at_once or s.phase % every == tick % every]
        self._all_at_once = False
        texts: dict[tuple[str | None, str | None], str] = {}
        beat = Heartbeat(self._state(), interval=every, now=now_us())
        waiting = iter(due)
        while group := list(islice(waiting, SLICE)):
            now = clock()
            for socket in group:
                # `initial_data` comes first; and a socket that is behind has enough to read.
                if socket.is_greeted and socket.stuck_seconds(now) < TICK_SECONDS:
                    about = socket.about
                    if about not in texts:
                        texts[about] = beat.text(*about)
                    socket.put(texts[about])
            await asyncio.sleep(0)
