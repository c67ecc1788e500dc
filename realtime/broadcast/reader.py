"""The broadcast reader: follows the log and sends frames to the groups of watched machines.

The only module that calls `group_send`. It may repeat frames and it may fail: the hub drops
repeats and reads missed entries from the log. Plain Redis subscribers get the same texts.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from channels.layers import get_channel_layer
from django.conf import settings

from realtime import groups
from realtime.broadcast.dashboards import WatchedDashboards
from realtime.broadcast.frames import Frames
from sensors.chunks import chunked
from sensors.exceptions import LogUnavailable
from sensors.messages import Audience, Frame, LogEntry, MachineFrame, position_key
from sensors.metrics import DROPPED, FRAMES
from sensors.readers.reader import LogReader
from sensors.store import keys
from sensors.store.store import Store
from sensors.timestamps import now_us

log = structlog.get_logger(__name__)

READ_ENTRIES = 1000
# Frames and characters of text that go to Redis in one call, so that no call keeps it for long.
SEND_FRAMES = 200
SEND_CHARACTERS = 512 * 1024
# After each turn the reader rests so many times as long as the turn took, up to a tick: at a low
# rate every reading goes out at once, a stream goes in ticks and leaves the processor alone.
REST = 16
POLL_SECONDS = 0.01
WARN_SECONDS = 10.0


class BroadcastReader(LogReader):
    """Turns log entries into frames, and sends the frames that are due."""

    name = keys.BROADCAST_READER
    retry_seconds = (0.25, 0.5)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._layer = get_channel_layer()
        self._tick = 1 / settings.FRAMES_PER_SECOND
        self._frames = self._no_frames()
        self._audience = Audience()
        self._dashboards = WatchedDashboards(store)
        self._turn_began = 0.0
        self._sent = 0
        self._warned_at = float("-inf")

    # The log

    async def begin(self) -> None:
        newest = await self.store.log.last_position()
        self._frames = self._no_frames()
        # With no entry in the log after the position, the first frame follows its last entry.
        self._frames.begin(min(self.position, newest, key=position_key))
        log.info("broadcast_started", epoch=self.epoch, position=self.position)

    async def read(self) -> tuple[list[LogEntry], str]:
        """Read on; wait for an entry only while no frame is pending."""
        has_pending_frames = self._frames.next_due() is not None
        # The audience is read after the entries: it includes every watcher that registered before
        # it read its snapshot, and every subscriber from before the entries were logged.
        entries, epoch, audience = await self.store.log.read_with_audience(
            self.position, count=READ_ENTRIES, wait=not has_pending_frames, now_us=now_us()
        )
        self._turn_began = self._clock()
        if entries:
            self._audience = audience
        return entries, epoch

    async def handle(self, entries: Sequence[LogEntry]) -> None:
        """Add the entries to the pending frames."""
        audience = self._audience
        await self._dashboards.update(audience.watched)
        for entry in entries:
            name = entry.machine_id
            self._frames.add(
                entry,
                is_machine_watched=name in audience.watched or audience.listens(name),
                dashboards=self._dashboards.showing(name),
            )

    async def finish(self, batch: Sequence[LogEntry]) -> None:
        """Send the frames that are due, and rest."""
        await self._send(self._frames.due(self.epoch, self._clock()))
        if len(batch) < READ_ENTRIES:
            # No rest after an empty read: the next reading goes out at once.
            await self._rest(self._clock() - self._turn_began if batch else 0.0)

    async def _rest(self, worked: float) -> None:
        pause = min(self._tick, REST * worked)
        next_due = self._frames.next_due()
        if next_due is not None:
            pause = max(pause, min(POLL_SECONDS, next_due - self._clock()), 0.001)
        await asyncio.sleep(pause)

    async def bookkeeping(self) -> float:
        """Count the frames sent, besides the bookkeeping of every reader."""
        if self._sent:
            await self.store.counters.add({"sensor_updates_broadcast": self._sent})
            self._sent = 0
        return await super().bookkeeping()

    # The groups

    async def _send(self, frames: list[Frame]) -> None:
        watched = self._audience.watched
        await self._send_to_groups([frame for frame in frames if frame.topic in watched])
        await self._publish([frame for frame in frames if isinstance(frame, MachineFrame)])

    async def _send_to_groups(self, frames: list[Frame]) -> None:
        left = len(frames)
        for portion in portions(frames):
            messages = [(groups.of(frame.topic), msgspec.to_builtins(frame)) for frame in portion]
            try:
                await self._group_send(messages)
            except Exception as exc:
                # The rest of this tick would wait for the same deadline, one after the other.
                self._report_dropped("group_send_failed", reason="channel_layer", exc=exc, n=left)
                return
            left -= len(portion)
            self._sent += len(portion)
            machines = sum(isinstance(frame, MachineFrame) for frame in portion)
            FRAMES.labels(kind="machine").inc(machines)
            FRAMES.labels(kind="dashboard").inc(len(portion) - machines)

    async def _group_send(self, messages: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Send in one round trip where the layer can; Channels' own sends one message a call."""
        send_many = getattr(self._layer, "group_send_many", None)
        if send_many is not None:
            await send_many(messages)
            return
        for group, message in messages:
            await self._layer.group_send(group, message)

    async def _publish(self, frames: list[MachineFrame]) -> None:
        """Publish to plain Redis subscribers, last: they cost the sockets no time."""
        listened = [
            frame for frame in frames if frame.text and self._audience.listens(frame.machine_id)
        ]
        if not listened:
            return
        try:
            await self.store.audience.publish((frame.machine_id, frame.text) for frame in listened)
            FRAMES.labels(kind="plain").inc(len(listened))
        except LogUnavailable as exc:
            self._report_dropped("publish_failed", reason="publish", exc=exc, n=len(listened))

    def _report_dropped(self, event: str, *, reason: str, exc: Exception, n: int) -> None:
        """Count the frames dropped, and log a warning at most every WARN_SECONDS."""
        DROPPED.labels(what="frame", reason=reason).inc(n)
        if self._clock() - self._warned_at >= WARN_SECONDS:
            self._warned_at = self._clock()
            log.warning(event, error=repr(exc), frames=n)

    def _no_frames(self) -> Frames:
        return Frames(
            machine_interval=self._tick,
            dashboard_interval=1 / settings.DASHBOARD_FRAMES_PER_SECOND,
        )

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()


def portions(frames: Sequence[Frame]) -> Iterator[list[Frame]]:
    """Split the frames, in their order, into those that go to Redis in one call."""
    least = SEND_CHARACTERS // SEND_FRAMES
    return chunked(frames, weight=lambda frame: max(len(frame.text), least), limit=SEND_CHARACTERS)
