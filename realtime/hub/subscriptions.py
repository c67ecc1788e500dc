"""The topics that this process shows: a feed for each watched machine and each dashboard."""

from collections.abc import Callable, Sequence, Set
from math import inf

from django.conf import settings

from realtime.hub.delivery import DeliveryProgress
from realtime.hub.feeds import Feed
from realtime.hub.followers import Follower, LogRead, LogReadResult, ReadKind
from realtime.hub.sequencing import Action, dashboard_action, machine_action
from sensors.messages import START, DashboardFrame, Frame, MachineFrame, dashboard_topic
from sensors.scopes import Scope
from sensors.timestamps import SECOND_US

# Time that an entry may be in the log before a frame brings it; a little under a second, so that
# of the checks each second the next but one finds a lost frame at the latest.
GRACE_US = 900_000
LINGER_SECONDS = 5.0


class MachineFeed(Feed):
    """Every entry of one machine, in log order."""

    machine_id: str

    def __init__(self, machine_id: str, start: Callable[[LogRead], None], *, grace_us: int) -> None:
        super().__init__(machine_id, start, grace_us=grace_us)
        self.machine_id = machine_id

    def _action(self, follower: Follower, frame: Frame) -> Action:
        assert isinstance(frame, MachineFrame)
        return machine_action(follower.epoch, follower.last, frame)

    def _catch_up(self, follower: Follower) -> None:
        self._request(follower, ReadKind.FILL, follower.epoch, follower.last)


class DashboardFeed(Feed):
    """The newest value of every sensor of the machines in a scope."""

    recovers_by_snapshot = True

    def __init__(self, scope: Scope, start: Callable[[LogRead], None], *, grace_us: int) -> None:
        super().__init__(dashboard_topic(scope.key), start, grace_us=grace_us)
        self.scope = scope
        self._machine_ids: Set[str] = frozenset()

    def update_machines(self, machine_ids: Set[str]) -> None:
        """Send everything anew when the scope no longer has the machines that were sent."""
        if machine_ids == self._machine_ids:
            return
        for follower in self.followers:
            if follower.is_greeted and follower.read is None:
                self._request(follower, ReadKind.SNAPSHOT)

    def _greet(self, followers: Sequence[Follower], result: LogReadResult) -> None:
        assert result.greeting is not None
        self._machine_ids = result.greeting.machine_ids
        super()._greet(followers, result)

    def _action(self, follower: Follower, frame: Frame) -> Action:
        assert isinstance(frame, DashboardFrame)
        return dashboard_action(follower.epoch, follower.last, frame)

    def _catch_up(self, follower: Follower) -> None:
        self._request(follower, ReadKind.SNAPSHOT)


class Subscriptions:
    """The feeds by topic. `start` runs the reads of the log that they request."""

    def __init__(self, start: Callable[[LogRead], None]) -> None:
        self._start = start
        self._feeds: dict[str, Feed] = {}
        self.progress = DeliveryProgress()
        self._empty_since: dict[str, float] = {}

    def machine(self, machine_id: str) -> Feed:
        """Return the machine's feed, made when the first socket requests it."""
        if machine_id not in self._feeds:
            feed = MachineFeed(machine_id, self._start, grace_us=GRACE_US)
            self._feeds[machine_id] = feed
        return self._feeds[machine_id]

    def dashboard(self, scope: Scope) -> Feed:
        """Return the feed of the scope's dashboard, made when the first socket requests it."""
        topic = dashboard_topic(scope.key)
        if topic not in self._feeds:
            grace_us = GRACE_US + SECOND_US // settings.DASHBOARD_FRAMES_PER_SECOND
            self._feeds[topic] = DashboardFeed(scope, self._start, grace_us=grace_us)
        return self._feeds[topic]

    def followed(self) -> list[Feed]:
        """Return the feeds that some socket follows."""
        return [feed for feed in self._feeds.values() if feed.followers]

    def is_followed(self, topic: str) -> bool:
        """Return whether some socket follows this topic now."""
        return topic in self._feeds and bool(self._feeds[topic].followers)

    def deliver(self, frame: Frame) -> int:
        """Deliver a frame of the channel layer; return the number of its feed's sockets."""
        feed = self._feeds.get(frame.topic)
        if feed is None:
            return 0
        self.progress.advance(frame.position)
        feed.deliver(frame)
        return len(feed.followers)

    def behind_seconds(self, now_us: int) -> float:
        """Return for how long the log has had an entry that no frame and no fill has brought."""
        since = [feed.behind_since_us for feed in self.followed()]
        return max([(now_us - us) / SECOND_US for us in since if us is not None], default=0.0)

    def forget_empty(self, now: float) -> list[str]:
        """Drop the feeds without followers for some seconds (loop time); return their topics."""
        empty = [feed.topic for feed in self._feeds.values() if not feed.followers]
        self._empty_since = {topic: self._empty_since.get(topic, now) for topic in empty}
        over = [topic for topic in empty if now - self._empty_since[topic] > LINGER_SECONDS]
        for topic in over:
            del self._feeds[topic]
        return over


class Comparison:
    """A comparison with the log: the feeds' tips before it, then the log's newest positions."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._tips = [(feed, feed.tip) for feed in feeds]

    @property
    def machine_ids(self) -> list[str]:
        """The machines whose newest positions are to be read."""
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
            # A log that was trimmed until it is empty holds nothing newer than the pages show.
            end = tip if newest == START else newest
            position = end if feed.machine_id is None else of_machine[feed.machine_id]
            feed.check(epoch, position, tip_before=tip, now_us=now_us, reached_ms=reached_ms)
