"""The groups this process is in: one channel, one membership per machine, whoever watches it."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec
import structlog
from channels.layers import get_channel_layer

from realtime import groups
from sensors.messages import Frame
from sensors.metrics import DROPPED
from sensors.store import keys
from sensors.store.store import get_store
from sensors.timestamps import SECOND_US, now_us

log = structlog.get_logger(__name__)

WATCH_SECONDS = 15
REFRESH_SECONDS = 5
_RETRY_SECONDS = 1.0


def group_of(name: str) -> str:
    return groups.DASHBOARD if name == keys.DASHBOARD else groups.machine(name)


class Membership:
    """What the broadcaster is told of us, and the frames it sends us.

    `name` is a machine_id or `keys.DASHBOARD`. Nothing relies on the channel layer: while it
    fails, the hub's check reads the log.
    """

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self._channel = ""
        self._opened = asyncio.Event()
        self._opening = asyncio.Lock()
        self._groups: set[str] = set()
        self._watched_until: dict[str, int] = {}

    async def join(self, name: str) -> None:
        """Be sent the frames of what is logged from now on. Raises LogUnavailable."""
        await self.watch([name])
        if group_of(name) not in self._groups:
            await self._add(group_of(name))

    async def watch(self, names: Iterable[str]) -> None:
        """Say that this process shows these; raises LogUnavailable."""
        now = now_us()
        soon = now + (WATCH_SECONDS - REFRESH_SECONDS) * SECOND_US
        due = [name for name in names if self._watched_until.get(name, 0) < soon]
        until = now + WATCH_SECONDS * SECOND_US
        await get_store().watch(due, until_us=until)
        self._watched_until.update(dict.fromkeys(due, until))

    async def rejoin(self, names: Iterable[str]) -> None:
        """Join what could not be joined before."""
        for group in {group_of(name) for name in names} - self._groups:
            await self._add(group)

    async def leave(self, name: str) -> None:
        self._watched_until.pop(name, None)
        group = group_of(name)
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
        """The next frame; whatever is wrong with one, or with the layer, costs only itself."""
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
def _logged(**what: str) -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        # The layer raises whatever its client does.
        log.warning("channel_layer_failed", error=repr(exc), **what)
