"""Feeds and their followers: the rule applied to every socket of this process. Pure, no waiting.

A feed asks for a read of the log by calling `start(job)`; whoever runs it answers with `settle`
or `fail`. Frames that come meanwhile wait in the job, and sockets in the same place share it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import inf

from realtime import protocol
from realtime.hub.followers import Follower, LogRead, LogReadResult, ReadKind
from realtime.hub.overdue import Overdue
from realtime.hub.sequencing import (
    Action,
    dashboard_action,
    is_other_log,
    machine_action,
)
from realtime.transport import text_frame
from sensors.messages import (
    START,
    DashboardFrame,
    Frame,
    MachineFrame,
    MissedEntries,
    position_key,
)

# What a job holds back; frames beyond are dropped, and the rule repairs it.
HELD_FRAMES = 200


class Feed(ABC):
    """All sockets of this process that follow one machine, or the dashboard."""

    machine_id: str | None = None
    recovers_by_snapshot = False

    def __init__(self, start: Callable[[LogRead], None], *, grace_us: int) -> None:
        self.followers: dict[Follower, None] = {}
        self.jobs: dict[tuple[ReadKind, str, str], LogRead] = {}
        self.epoch = ""
        self.tip = START
        self.behind_since_us: int | None = None
        self._undelivered = START
        self._overdue = Overdue(grace_us)
        self._start = start

    # Sockets

    def join(self, follower: Follower) -> None:
        """Greet the socket from the log, then let it follow."""
        self.followers[follower] = None
        self.mend(follower)

    def leave(self, follower: Follower) -> None:
        self.followers.pop(follower, None)
        follower.job = None

    def lose(self, follower: Follower) -> None:
        """Its outbox was cleared: it is resynchronised once it has drained (`mend`)."""
        follower.last = ""
        follower.job = None

    def mend(self, follower: Follower) -> None:
        """Give a follower without a place one again, unless it still has something to read."""
        if follower.last or follower.job is not None:
            return
        if follower.is_greeted and not follower.outlet.is_idle:
            return
        if follower.cursor is not None and not follower.is_greeted:
            self._ask(follower, ReadKind.RESUME, follower.cursor.epoch, follower.cursor.position)
        else:
            self._ask(follower, ReadKind.SNAPSHOT)

    # Frames

    def take(self, frame: Frame) -> None:
        """Deliver a frame of the channel layer."""
        if frame.epoch == self.epoch or not self.epoch:
            self.epoch = frame.epoch
            self.tip = max(self.tip, frame.position, key=position_key)
        for job in self.jobs.values():
            if len(job.frames) < HELD_FRAMES:
                job.frames.append(frame)
        # The last socket in the row is served last: its delivery is the one that is measured.
        measured = next(reversed(self.followers), None)
        epoch, previous, position, text = frame.epoch, frame.previous, frame.position, frame.text
        message = text_frame(text)
        for follower in self.followers:
            if follower.job is not None or not follower.last:
                continue
            outlet = follower.outlet
            write = outlet.write
            if (
                write is not None
                and follower.last == previous
                and follower.epoch == epoch
                and text
                and follower is not measured
            ):
                # As `_apply` would, for nearly all of thousands of sockets: in line.
                follower.last = position
                write(message)
            else:
                self._apply(follower, frame, frame.received_at if follower is measured else 0)

    def _apply(self, follower: Follower, frame: Frame, received_at: int = 0) -> None:
        step = self._step(follower, frame)
        if step is Action.FORWARD:
            follower.epoch = frame.epoch
            follower.last = frame.position
            if frame.text:
                follower.outlet.put(frame.text, received_at)
        elif step is Action.FILL:
            self._catch_up(follower)
        elif step is Action.SNAPSHOT:
            self._ask(follower, ReadKind.SNAPSHOT)

    @abstractmethod
    def _step(self, follower: Follower, frame: Frame) -> Action:
        """What becomes of the frame for this follower."""

    @abstractmethod
    def _catch_up(self, follower: Follower) -> None:
        """Ask for the read that closes this follower\'s gap."""

    # Reads of the log

    def _ask(self, follower: Follower, need: ReadKind, epoch: str = "", after: str = "") -> None:
        if need is ReadKind.SNAPSHOT:
            follower.last = ""
        job = self.jobs.get((need, epoch, after))
        if job is None:
            job = LogRead(self, need, epoch, after)
            self.jobs[job.key] = job
            self._start(job)
        follower.job = job
        job.followers[follower] = None

    def settle(self, job: LogRead, answer: LogReadResult) -> None:
        """Take the log's answer: write it to those who waited, then the frames held back."""
        followers = self._finish(job)
        if answer.greeting is not None:
            self._greet(followers, answer)
        elif answer.missed is not None:
            self._fill(followers, answer.missed)
        for frame in job.frames:
            for follower in followers:
                if follower.job is None and follower.last:
                    self._apply(follower, frame)

    def fail(self, job: LogRead) -> None:
        """The log did not answer; the check asks again."""
        self._finish(job)

    def _finish(self, job: LogRead) -> list[Follower]:
        self.jobs.pop(job.key, None)
        followers = [follower for follower in job.followers if follower.job is job]
        for follower in followers:
            follower.job = None
        return followers

    def _greet(self, followers: Sequence[Follower], answer: LogReadResult) -> None:
        greeting, missed = answer.greeting, answer.missed
        assert greeting is not None
        end = greeting.position if missed is None else missed.position
        fills = [] if missed is None else protocol.fill_texts(missed)
        texts: dict[str, str] = {}
        for follower in followers:
            kind = "resync" if follower.is_greeted else "initial_data"
            if kind not in texts:
                texts[kind] = greeting.text(
                    kind,
                    recovered=self.recovers_by_snapshot or missed is not None,
                    cursor=follower.cursor if missed is not None else None,
                )
            self._place(follower, greeting.epoch, end)
            follower.is_greeted = True
            follower.outlet.put_all([texts[kind], *fills])

    def _fill(self, followers: Sequence[Follower], missed: MissedEntries) -> None:
        texts: list[str] | None = None
        for follower in followers:
            if missed.entries is None or is_other_log(follower.epoch, missed.epoch):
                self._ask(follower, ReadKind.SNAPSHOT)
                continue
            if texts is None:
                texts = protocol.fill_texts(missed)
            self._place(follower, missed.epoch, missed.position)
            follower.outlet.put_all(texts)

    def _place(self, follower: Follower, epoch: str, position: str) -> None:
        follower.epoch = epoch
        follower.last = position
        if epoch != self.epoch:
            self.epoch, self.tip = epoch, position
        else:
            self.tip = max(self.tip, position, key=position_key)

    # Once a second

    def check(
        self,
        epoch: str,
        newest: str,
        *,
        tip_before: str,
        now_us: int,
        reached_ms: float = inf,
    ) -> None:
        """Compare every socket with the log: finds what no frame could tell.

        `newest` is the feed's newest position; `tip_before` the feed's `tip` just before that
        was read; `reached_ms` how far the stream of all frames has come.
        """
        self._mend_all()
        if not epoch:
            return  # an empty Redis has nothing newer than what the pages show
        if self._has_shown(epoch, newest):
            self.behind_since_us = None
            return
        due = position_key(self._overdue.look(newest, now_us, reached_ms=reached_ms))
        is_rolled_back = epoch == self.epoch and position_key(newest) < position_key(tip_before)
        if is_rolled_back:
            self.tip = newest
        for follower in self.followers:
            if follower.job is not None or follower.last in {"", newest}:
                continue
            if is_other_log(follower.epoch, epoch):
                self._ask(follower, ReadKind.SNAPSHOT)
            elif is_rolled_back or position_key(follower.last) < due:
                self._catch_up(follower)
        self._measure(epoch, newest, now_us)

    def _has_shown(self, epoch: str, newest: str) -> bool:
        """Whether every socket that waits for nothing has all of the log."""
        if newest != self.tip or epoch != self.epoch:
            return False
        return all(
            follower.last == newest and follower.epoch == epoch
            for follower in self.followers
            if follower.job is None
        )

    def _mend_all(self) -> None:
        for follower in self.followers:
            if not follower.last:
                self.mend(follower)

    def _measure(self, epoch: str, newest: str, now_us: int) -> None:
        """Since when something is in the log that no frame and no fill has brought."""
        tip = position_key(self.tip) if epoch == self.epoch else (0, 0)
        if tip >= position_key(newest):
            self.behind_since_us = None
        elif self.behind_since_us is None or tip >= position_key(self._undelivered):
            self.behind_since_us = now_us
            self._undelivered = newest


class MachineFeed(Feed):
    """Sees every accepted and late reading of the machine, in log order."""

    machine_id: str

    def __init__(self, machine_id: str, start: Callable[[LogRead], None], *, grace_us: int) -> None:
        super().__init__(start, grace_us=grace_us)
        self.machine_id = machine_id

    def _step(self, follower: Follower, frame: Frame) -> Action:
        assert isinstance(frame, MachineFrame)
        return machine_action(follower.epoch, follower.last, frame)

    def _catch_up(self, follower: Follower) -> None:
        self._ask(follower, ReadKind.FILL, follower.epoch, follower.last)


class DashboardFeed(Feed):
    """Shows the newest value of every sensor."""

    recovers_by_snapshot = True

    def _step(self, follower: Follower, frame: Frame) -> Action:
        assert isinstance(frame, DashboardFrame)
        return dashboard_action(follower.epoch, follower.last, frame)

    def _catch_up(self, follower: Follower) -> None:
        self._ask(follower, ReadKind.SNAPSHOT)
