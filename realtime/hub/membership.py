"""Group memberships of this process: one channel, one membership per watched topic."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec
import structlog
from channels.layers import get_channel_layer

from realtime import groups
from realtime.hub.followers import FollowedFeed
from sensors.messages import Frame
from sensors.metrics import DROPPED
from sensors.store.store import get_store
from sensors.timestamps import SECOND_US, now_us

log = structlog.get_logger(__name__)

WATCH_SECONDS = 15
REFRESH_SECONDS = 5
_RETRY_SECONDS = 1.0


class Membership:
    """Tells the broadcaster the topics of this process, and receives their frames.

    The channel layer is not trusted: while it fails, the hub's check reads the log.
    """

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self._channel = ""
        self._opened = asyncio.Event()
        self._opening = asyncio.Lock()
        self._groups: set[str] = set()
        self._watched_until: dict[str, int] = {}

    async def join(self, feed: FollowedFeed) -> None:
        """Receive the frames of entries logged from now on. Raises LogUnavailable."""
        await self.watch([feed])
        group = groups.of(feed.topic)
        if group not in self._groups:
            await self._add(group)

    async def watch(self, feeds: Iterable[FollowedFeed]) -> None:
        """Record that this process shows the topics of these feeds. Raises LogUnavailable."""
        now = now_us()
        soon = now + (WATCH_SECONDS - REFRESH_SECONDS) * SECOND_US
        due = [feed for feed in feeds if self._watched_until.get(feed.topic, 0) < soon]
        topics = [feed.topic for feed in due]
        scopes = {feed.scope.key: feed.scope.text for feed in due if feed.scope.key}
        until = now + WATCH_SECONDS * SECOND_US
        await get_store().audience.watch(topics, until_us=until, scopes=scopes)
        self._watched_until.update(dict.fromkeys(topics, until))

    async def rejoin(self, feeds: Iterable[FollowedFeed]) -> None:
        """Join the groups that could not be joined before."""
        for group in {groups.of(feed.topic) for feed in feeds} - self._groups:
            await self._add(group)

    async def leave(self, topic: str) -> None:
        self._watched_until.pop(topic, None)
        group = groups.of(topic)
        if group in self._groups:
            self._groups.discard(group)
            with _logged(group=group):
                await self._layer.group_discard(group, self._channel)

    async def leave_all(self) -> None:
        for group in list(self._groups):
            self._groups.discard(group)
            with _logged(group=group):
                await self._layer.group_discard(group, self._channel)

    async def receive(self) -> Frame:
        """Return the next frame; log and pass over malformed frames and errors of the layer."""
        while True:
            await self._opened.wait()
            try:
                message = await self._layer.receive(self._channel)
                frame: Frame = msgspec.convert(message, Frame)
            except msgspec.ValidationError as exc:
                DROPPED.labels(what="frame", reason="malformed").inc()
                log.error("frame_refused", error=str(exc))
            except Exception:
                log.exception("frame_receive_failed")
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return frame

    async def _add(self, group: str) -> None:
        with _logged(group=group):
            async with self._opening:
                if not self._channel:
                    self._channel = await self._layer.new_channel()
                    self._opened.set()
            await self._layer.group_add(group, self._channel)
            self._groups.add(group)


@contextmanager
def _logged(**values: str) -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        # The layer raises every error of its client.
        log.warning("channel_layer_failed", error=repr(exc), **values)
