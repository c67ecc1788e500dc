"""The broadcast reader: follows the log and sends frames to the groups that somebody watches.

The only module that calls `group_send`. It may repeat and it may fail: the hub drops what it
has seen and reads what it misses. Plain Redis subscribers are sent the same texts.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from channels.layers import get_channel_layer
from django.conf import settings

from realtime import groups
from realtime.broadcast.frames import Frames
from sensors.exceptions import LogUnavailable
from sensors.messages import START, Audience, Frame, LogEntry, MachineFrame, position_key
from sensors.metrics import DROPPED, FRAMES
from sensors.readers.lag import forget_lag, show_lag
from sensors.readers.leases import is_set_within, run_under_lease
from sensors.store import keys
from sensors.store.store import Store, get_store
from sensors.timestamps import now_us

log = structlog.get_logger(__name__)

READER = "broadcast"
READ_ENTRIES = 1000
# Frames and characters of text that go to Redis in one call, so that none keeps it for long.
SEND_FRAMES = 200
SEND_CHARACTERS = 512 * 1024
# After each turn it rests so many times as long as the turn took, up to a tick: at a low rate
# every reading goes out at once, a stream goes in ticks and leaves the processor alone.
REST = 16
POLL_SECONDS = 0.01
BOOKS_SECONDS = 1.0
COMPLAIN_SECONDS = 10.0
PAUSE_SECONDS = 0.5


async def run_broadcast(stop: asyncio.Event) -> None:
    """Broadcast until `stop` is set; one process at a time does, the others stand by."""
    store = get_store()
    await run_under_lease(store, READER, lambda ended: Broadcaster(store).run(ended), stop)


class Broadcaster:
    """One tenure of the lease."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layer = get_channel_layer()
        self._tick = 1 / settings.FRAMES_PER_SECOND
        self._frames = self._no_frames()
        self._audience = Audience()
        self._epoch = ""
        self._position = ""
        self._marked = ""
        self._sent = 0
        self._books_at = 0.0
        self._complained_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the log until `stop` is set; an outage of Redis is waited for."""
        is_down = False
        while not stop.is_set():
            try:
                await self._turn()
                is_down = False
            except LogUnavailable as exc:
                if not is_down:
                    log.warning("broadcast_paused", error=exc.detail)
                is_down = True
                await is_set_within(stop, PAUSE_SECONDS)
        forget_lag(READER)
        await self._mark()

    async def _turn(self) -> None:
        if not self._position:
            await self._begin()
        waits = self._frames.next_due() is not None
        # Who watches is read after the entries: who said so before it read its snapshot is in, and
        # so is who subscribed before they were logged.
        entries, audience = await self._store.read_with_audience(
            self._position, count=READ_ENTRIES, wait=not waits, now_us=now_us()
        )
        began = self._clock()
        if entries:
            self._audience = audience
            await self._take(entries)
        await self._send(self._frames.due(self._epoch, self._clock()))
        # Not after a read that found nothing, nor for the books: the next reading goes out at once.
        worked = self._clock() - began if entries else 0.0
        if self._clock() - self._books_at >= BOOKS_SECONDS:
            await self._keep_books()
        if len(entries) < READ_ENTRIES:
            await self._rest(worked)

    async def _rest(self, worked: float) -> None:
        pause = min(self._tick, REST * worked)
        next_due = self._frames.next_due()
        if next_due is not None:
            pause = max(pause, min(POLL_SECONDS, next_due - self._clock()), 0.001)
        await asyncio.sleep(pause)

    # The log

    async def _begin(self) -> None:
        """From the saved position or RECENT_SECONDS ago, whichever is later."""
        epoch = await self._store.epoch()
        saved_epoch, saved = await self._store.broadcast()
        recent = f"{max(0, now_us() // 1000 - settings.RECENT_SECONDS * 1000)}-0"
        start = max(saved, recent, key=position_key) if saved_epoch == epoch else recent
        newest = await self._store.last_position()
        # With nothing in the log after the start, the first frame follows its last entry.
        self._follow(epoch, start, covered=min(start, newest, key=position_key))

    def _follow(self, epoch: str, position: str, *, covered: str) -> None:
        self._epoch = epoch
        self._position = self._marked = position
        self._frames = self._no_frames()
        self._frames.begin(covered)
        log.info("broadcast_started", epoch=epoch, position=position)

    async def _take(self, entries: list[LogEntry]) -> None:
        audience = self._audience
        if not self._epoch:
            self._epoch = await self._store.epoch()
        is_dashboard_watched = keys.DASHBOARD in audience.watched
        for entry in entries:
            name = entry.machine_id
            self._frames.add(
                entry,
                is_machine_watched=name in audience.watched or audience.listens(name),
                is_dashboard_watched=is_dashboard_watched,
            )
        self._position = entries[-1].position

    # The groups

    async def _send(self, frames: list[Frame]) -> None:
        watched = self._audience.watched
        await self._send_to_groups([frame for frame in frames if name_of(frame) in watched])
        await self._publish([frame for frame in frames if isinstance(frame, MachineFrame)])

    async def _send_to_groups(self, frames: list[Frame]) -> None:
        left = len(frames)
        for portion in portions(frames):
            try:
                await self._group_send([(_group(one), msgspec.to_builtins(one)) for one in portion])
            except Exception as exc:
                # The rest of this tick would wait for the same deadline, one after the other.
                self._complain("group_send_failed", reason="channel_layer", exc=exc, lost=left)
                return
            left -= len(portion)
            self._sent += len(portion)
            machines = sum(isinstance(frame, MachineFrame) for frame in portion)
            FRAMES.labels(kind="machine").inc(machines)
            FRAMES.labels(kind="dashboard").inc(len(portion) - machines)

    async def _group_send(self, messages: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """In one round trip where the layer can; Channels' own sends one message a call."""
        send_many = getattr(self._layer, "group_send_many", None)
        if send_many is not None:
            await send_many(messages)
            return
        for group, message in messages:
            await self._layer.group_send(group, message)

    async def _publish(self, frames: list[MachineFrame]) -> None:
        """To plain Redis subscribers, last: they cost the sockets nothing."""
        heard = [one for one in frames if self._audience.listens(one.machine_id)]
        if not heard:
            return
        try:
            await self._store.publish((frame.machine_id, frame.text) for frame in heard)
            FRAMES.labels(kind="plain").inc(len(heard))
        except LogUnavailable as exc:
            self._complain("publish_failed", reason="publish", exc=exc, lost=len(heard))

    def _complain(self, event: str, *, reason: str, exc: Exception, lost: int) -> None:
        DROPPED.labels(what="frame", reason=reason).inc(lost)
        if self._clock() - self._complained_at >= COMPLAIN_SECONDS:
            self._complained_at = self._clock()
            log.warning(event, error=repr(exc), frames=lost)

    # The books

    async def _keep_books(self) -> None:
        """About once a second: what was sent, how far, and whether it is still the same log."""
        self._books_at = self._clock()
        if self._sent:
            await self._store.count({"sensor_updates_broadcast": self._sent})
            self._sent = 0
        epoch = await self._store.epoch()
        if self._epoch and epoch != self._epoch:
            # An empty Redis would keep a read from the old position waiting for ever.
            self._follow(epoch, START, covered=START)
        else:
            self._epoch = epoch
        await self._mark()
        await show_lag(self._store, READER, self._position, now_us=now_us())

    async def _mark(self) -> None:
        if not self._epoch or self._position == self._marked:
            return
        try:
            await self._store.mark_broadcast(self._epoch, self._position)
            self._marked = self._position
        except LogUnavailable as exc:
            log.warning("broadcast_not_marked", error=exc.detail)

    def _no_frames(self) -> Frames:
        return Frames(
            machine_interval=self._tick,
            dashboard_interval=1 / settings.DASHBOARD_FRAMES_PER_SECOND,
        )

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()


def portions(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """The frames in their order, as many together as go to Redis in one call."""
    portion: list[Frame] = []
    characters = 0
    for frame in frames:
        characters += len(frame.text)
        if portion and (len(portion) == SEND_FRAMES or characters > SEND_CHARACTERS):
            yield portion
            portion, characters = [], len(frame.text)
        portion.append(frame)
    if portion:
        yield portion


def _group(frame: Frame) -> str:
    if isinstance(frame, MachineFrame):
        return groups.machine(frame.machine_id)
    return groups.DASHBOARD


def name_of(frame: Frame) -> str:
    """The machine's id, or the store's name for the dashboard: what `watched` holds."""
    return frame.machine_id if isinstance(frame, MachineFrame) else keys.DASHBOARD
