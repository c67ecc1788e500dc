"""What this process shows: a feed for each machine somebody looks at, and the dashboard's."""

from collections.abc import Callable, Iterable, Sequence
from math import inf

from django.conf import settings

from realtime.hub.delivery import DeliveryProgress
from realtime.hub.feeds import DashboardFeed, Feed, MachineFeed
from realtime.hub.followers import LogRead
from sensors.messages import START, Frame, MachineFrame
from sensors.store import keys
from sensors.timestamps import SECOND_US

# How long something may be in the log that no frame has brought; a little under a second, so
# that of the checks each second the next but one finds it at the latest.
GRACE_US = 900_000
LINGER_SECONDS = 5.0


def name_of(feed: Feed) -> str:
    """The machine's id, or the store's name for the dashboard."""
    return feed.machine_id or keys.DASHBOARD


class Subscriptions:
    """The feeds by name. `start` runs the reads of the log that they ask for."""

    def __init__(self, start: Callable[[LogRead], None]) -> None:
        self._start = start
        self._machines: dict[str, MachineFeed] = {}
        interval_us = SECOND_US // settings.DASHBOARD_FRAMES_PER_SECOND
        self.dashboard = DashboardFeed(start, grace_us=GRACE_US + interval_us)
        self.stream = DeliveryProgress()
        self._empty_since: dict[str, float] = {}

    def machine(self, machine_id: str) -> MachineFeed:
        """The machine's feed, made when the first socket asks for it."""
        if machine_id not in self._machines:
            feed = MachineFeed(machine_id, self._start, grace_us=GRACE_US)
            self._machines[machine_id] = feed
        return self._machines[machine_id]

    def followed(self) -> list[Feed]:
        """The feeds that some socket follows."""
        return [feed for feed in self._feeds() if feed.followers]

    def has(self, name: str) -> bool:
        """Whether some socket follows this now."""
        return any(name_of(feed) == name for feed in self.followed())

    def take(self, frame: Frame) -> int:
        """Deliver a frame of the channel layer; returns how many sockets are concerned."""
        feed: Feed | None = self.dashboard
        if isinstance(frame, MachineFrame):
            feed = self._machines.get(frame.machine_id)
        if feed is None:
            return 0
        self.stream.take(frame.position)
        feed.take(frame)
        return len(feed.followers)

    def behind_seconds(self, now_us: int) -> float:
        """For how long something has been in the log that no frame and no fill has brought."""
        since = [feed.behind_since_us for feed in self.followed()]
        return max([(now_us - us) / SECOND_US for us in since if us is not None], default=0.0)

    def forget_empty(self, now: float) -> list[str]:
        """Drop the feeds that nobody has followed for some seconds (loop time); their names."""
        empty = [name_of(feed) for feed in self._feeds() if not feed.followers]
        self._empty_since = {name: self._empty_since.get(name, now) for name in empty}
        over = [name for name in empty if now - self._empty_since[name] > LINGER_SECONDS]
        for name in over:
            self._machines.pop(name, None)
        return over

    def _feeds(self) -> Iterable[Feed]:
        return [*self._machines.values(), self.dashboard]


class Comparison:
    """One look at the log: what the feeds had before it, then what it holds."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._tips = [(feed, feed.tip) for feed in feeds]

    @property
    def machine_ids(self) -> list[str]:
        """Whose newest positions are to be read."""
        return [feed.machine_id for feed, _ in self._tips if feed.machine_id is not None]

    def check(
        self,
        epoch: str,
        newest: str,
        positions: Sequence[str],
        *,
        now_us: int,
        reached_ms: float = inf,
    ) -> None:
        """Have each feed compare its sockets with its newest position."""
        of_machine = dict(zip(self.machine_ids, positions, strict=True))
        for feed, tip in self._tips:
            # A log that was trimmed until it is empty holds nothing newer than what was shown.
            end = tip if newest == START else newest
            position = end if feed.machine_id is None else of_machine[feed.machine_id]
            feed.check(epoch, position, tip_before=tip, now_us=now_us, reached_ms=reached_ms)
