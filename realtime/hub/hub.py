"""The hub: one membership per topic for the whole process, one bounded outbox per socket.

Its tasks run while sockets are open and a few seconds longer. It never waits for a socket.
"""

import asyncio
import itertools
from collections.abc import Sequence
from contextvars import Context
from typing import Any

import structlog

from realtime.hub import snapshots
from realtime.hub.delivery import DeliveryBudget
from realtime.hub.feeds import Feed
from realtime.hub.followers import Follower, LogRead, ReadKind
from realtime.hub.heartbeat import HeartbeatSender
from realtime.hub.membership import Membership
from realtime.hub.revalidation import recheck_forever
from realtime.hub.socket import Socket
from realtime.hub.subscriptions import LINGER_SECONDS, Comparison, Subscriptions
from realtime.protocol import Cursor, message
from sensors.enums import FeedStatus
from sensors.event_loop import PerLoop
from sensors.exceptions import LogUnavailable
from sensors.messages import FeedHealth
from sensors.metrics import WEBSOCKET_CONNECTIONS
from sensors.scopes import Scope
from sensors.store.store import get_store
from sensors.timestamps import SECOND_US, now_us

log = structlog.get_logger(__name__)

CHECK_SECONDS = 1.0
DELAYED_SECONDS = 2.0
# Reads of the log at once: a thousand sockets that reconnect must not hold up the ingest.
READS_AT_ONCE = 8


class Hub:
    """The hub of an event loop (`get_hub`)."""

    def __init__(self) -> None:
        self.sockets: dict[Socket, None] = {}
        self.state = FeedHealth(FeedStatus.LIVE, 0.0)
        self._subscriptions = Subscriptions(self._start_read)
        self._membership = Membership()
        self._heartbeats = HeartbeatSender(lambda: self.sockets, lambda: self.state)
        self._read_slots = asyncio.Semaphore(READS_AT_ONCE)
        self._reads: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._connected = 0
        self._reached_us = now_us()
        self._phases = itertools.count()
        self._closed = False

    @property
    def is_awake(self) -> bool:
        """Return whether any task of the hub runs."""
        return self._task is not None

    # Sockets

    def add(self, socket: Socket) -> None:
        """Add an accepted socket; call `follow_machine` or `follow_dashboard` next."""
        socket.on_overflow = _mark_lost
        socket.on_drained = _recover
        socket.phase = next(self._phases)
        self.sockets[socket] = None
        self._connected += 1
        WEBSOCKET_CONNECTIONS.labels(kind=socket.kind).inc()
        self._wake()

    def follow_machine(
        self, socket: Socket, machine_id: str, *, cursor: Cursor | None = None
    ) -> None:
        """Greet the socket with the machine's twin, then send its entries, from the cursor on."""
        self._follow(socket, self._subscriptions.machine(machine_id), cursor)

    def follow_dashboard(self, socket: Socket, scope: Scope) -> None:
        """Greet the socket with the machines of the scope, then send their newest values."""
        self._follow(socket, self._subscriptions.dashboard(scope))

    def subscribe(self, socket: Socket, machine_ids: Sequence[str], scope: Scope) -> None:
        """Let a dashboard's socket follow exactly these machines; if none, the dashboard again.

        The caller has checked that the machines are in the scope.
        """
        self._unfollow(socket)
        data = {"machine_ids": list(machine_ids)}
        socket.put(message("subscribed", data, machine_id=None, cursor=None))
        for machine_id in machine_ids:
            self.follow_machine(socket, machine_id)
        if not machine_ids:
            self.follow_dashboard(socket, scope)

    async def latest(self, socket: Socket) -> list[Any]:
        """Return the latest readings of the socket's feeds. Raises LogUnavailable."""
        feeds = [follower.feed for follower in socket.followers]
        machine_ids = [feed.machine_id for feed in feeds if feed.machine_id is not None]
        if len(machine_ids) < len(feeds):  # the dashboard is followed alone
            return await snapshots.scope_readings(feeds[0].scope)
        return await snapshots.latest_readings(machine_ids)

    async def remove(self, socket: Socket) -> None:
        """Remove a socket that has closed."""
        if socket in self.sockets:
            del self.sockets[socket]
            WEBSOCKET_CONNECTIONS.labels(kind=socket.kind).dec()
            self._unfollow(socket)
        await socket.aclose()

    def _follow(self, socket: Socket, feed: Feed, cursor: Cursor | None = None) -> None:
        follower = Follower(feed, socket, cursor)
        socket.followers.append(follower)
        feed.join(follower)

    def _unfollow(self, socket: Socket) -> None:
        for follower in socket.followers:
            follower.feed.leave(follower)
        socket.followers.clear()

    # Tasks

    async def aclose(self) -> None:
        """End every task of the hub and its sockets, and leave the groups."""
        self._closed = True
        for socket in list(self.sockets):
            await self.remove(socket)
        tasks = [*self._reads, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self) -> None:
        if self._task is None and not self._closed:
            # A new context: its log lines must not carry the id of the connection that woke it.
            self._task = asyncio.create_task(self._run(), context=Context())
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (exc := task.exception()):
            log.error("hub_failed", exc_info=exc)
        if self.sockets:
            self._wake()

    async def _run(self) -> None:
        works = (self._deliver(), self._heartbeats.run(), recheck_forever(lambda: self.sockets))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            idle_since = None
            while idle_since is None or self._clock() - idle_since < LINGER_SECONDS:
                await self._check()
                await asyncio.sleep(CHECK_SECONDS)
                idle_since = None if self.sockets else idle_since or self._clock()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # A socket that comes meanwhile joins by a new membership.
            old, self._membership = self._membership, Membership()
            await old.leave_all()

    async def _deliver(self) -> None:
        budget = DeliveryBudget()
        while True:
            frame = await self._membership.receive()
            if budget.is_over_before(frame):
                # A queue that is full never suspends: let the sockets write in between.
                await asyncio.sleep(0)
                budget = DeliveryBudget()
            try:
                budget.add(frame, self._subscriptions.deliver(frame))
            except Exception:
                log.exception("frame_failed", position=frame.position)

    # Reads of the log

    def _start_read(self, read: LogRead) -> None:
        task = asyncio.create_task(self._perform(read), context=Context())
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _perform(self, read: LogRead) -> None:
        try:
            async with self._read_slots:
                if read.kind is not ReadKind.FILL:
                    await self._membership.join(read.feed)
                result = await snapshots.perform(read)
            read.feed.settle(read, result)
        except LogUnavailable:
            read.feed.fail(read)
        except Exception:
            log.exception("hub_read_failed", kind=read.kind.value, topic=read.feed.topic)
            read.feed.fail(read)

    # Once a second

    async def _check(self) -> None:
        """Compare the sockets with the log, and record the topics that this process shows."""
        try:
            await self._compare()
            await self._record_topics()
        except LogUnavailable as exc:
            if self.state.feed is not FeedStatus.DOWN:
                log.warning("live_feed_down", error=str(exc))
            self._set_state(FeedHealth(FeedStatus.DOWN, (now_us() - self._reached_us) / SECOND_US))
        except Exception:
            log.exception("hub_check_failed")

    async def _compare(self) -> None:
        comparison = Comparison(self._subscriptions.followed())
        epoch, newest, positions = await get_store().latest.positions(comparison.machine_ids)
        self._reached_us = now = now_us()
        reached_ms = self._subscriptions.progress.reached_ms(now_us=now)
        comparison.check(epoch, newest, positions, now_us=now, reached_ms=reached_ms)
        behind = self._subscriptions.behind_seconds(now)
        status = FeedStatus.DELAYED if behind > DELAYED_SECONDS else FeedStatus.LIVE
        self._set_state(FeedHealth(status, behind))

    async def _record_topics(self) -> None:
        """Watch the followed topics, be in their groups alone, and count new sockets."""
        feeds = self._subscriptions.followed()
        await self._membership.watch(feeds)
        await self._membership.rejoin(feeds)
        for topic in self._subscriptions.forget_empty(self._clock()):
            if not self._subscriptions.is_followed(topic):  # no socket came meanwhile
                await self._membership.leave(topic)
        if self._connected:
            connected, self._connected = self._connected, 0
            await get_store().counters.add({"websocket_connections_total": connected})

    def _set_state(self, state: FeedHealth) -> None:
        changed = state.feed is not self.state.feed
        self.state = state
        if changed:
            self._heartbeats.beat_soon()

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()


def _mark_lost(socket: Socket) -> None:
    for follower in socket.followers:
        follower.feed.mark_lost(follower)


def _recover(socket: Socket) -> None:
    for follower in socket.followers:
        follower.feed.recover(follower)


get_hub: PerLoop[Hub] = PerLoop(Hub)
