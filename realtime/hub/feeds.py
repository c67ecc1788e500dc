"""Feeds and their followers: the sequencing rule for every socket of this process. Pure.

A feed requests a read of the log by calling `start(read)`; its result comes to `settle` or
`fail`. Frames that come meanwhile wait in the read, and sockets at the same position share it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence, Set
from math import inf

from realtime import protocol
from realtime.hub.followers import Follower, LogRead, LogReadResult, ReadKind
from realtime.hub.overdue import Overdue
from realtime.hub.sequencing import Action, is_other_log
from realtime.transport import text_frame
from sensors.messages import START, Frame, MissedEntries, position_key
from sensors.scopes import EVERYTHING, Scope

# Frames that a read holds back; frames beyond are dropped, and the rule repairs the gap.
HELD_FRAMES = 200


class Feed(ABC):
    """All sockets of this process that follow one topic: a machine, or the dashboard of a scope."""

    machine_id: str | None = None
    scope: Scope = EVERYTHING
    recovers_by_snapshot = False

    def __init__(self, topic: str, start: Callable[[LogRead], None], *, grace_us: int) -> None:
        self.topic = topic
        self.followers: dict[Follower, None] = {}
        self.reads: dict[tuple[ReadKind, str, str], LogRead] = {}
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
        self.recover(follower)

    def leave(self, follower: Follower) -> None:
        self.followers.pop(follower, None)
        follower.read = None

    def mark_lost(self, follower: Follower) -> None:
        """Record that the follower's outbox was cleared; `recover` it once it has drained."""
        follower.last = ""
        follower.read = None

    def recover(self, follower: Follower) -> None:
        """Request a new position for a follower without one, unless its outbox is still busy."""
        if follower.last or follower.read is not None:
            return
        if follower.is_greeted and not follower.outlet.is_idle:
            return
        if follower.cursor is not None and not follower.is_greeted:
            cursor = follower.cursor
            self._request(follower, ReadKind.RESUME, cursor.epoch, cursor.position)
        else:
            self._request(follower, ReadKind.SNAPSHOT)

    # Frames

    def deliver(self, frame: Frame) -> None:
        """Deliver a frame of the channel layer."""
        if frame.epoch == self.epoch or not self.epoch:
            self.epoch = frame.epoch
            self.tip = max(self.tip, frame.position, key=position_key)
        for read in self.reads.values():
            if len(read.frames) < HELD_FRAMES:
                read.frames.append(frame)
        # The delivery to the last socket is measured: it is the slowest.
        measured = next(reversed(self.followers), None)
        epoch, previous, position, text = frame.epoch, frame.previous, frame.position, frame.text
        message = text_frame(text)
        for follower in self.followers:
            if follower.read is not None or not follower.last:
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
                # The common case of `_apply` in line: it runs for each of thousands of sockets.
                follower.last = position
                write(message)
            else:
                self._apply(follower, frame, frame.received_at if follower is measured else 0)

    def update_machines(self, machine_ids: Set[str]) -> None:
        """Take note of the machines in the scope; only a dashboard shows more than one."""
        return

    def _apply(self, follower: Follower, frame: Frame, received_at: int = 0) -> None:
        action = self._action(follower, frame)
        if action is Action.FORWARD:
            follower.epoch = frame.epoch
            follower.last = frame.position
            if frame.text:
                follower.outlet.put(frame.text, received_at)
        elif action is Action.FILL:
            self._catch_up(follower)
        elif action is Action.SNAPSHOT:
            self._request(follower, ReadKind.SNAPSHOT)

    @abstractmethod
    def _action(self, follower: Follower, frame: Frame) -> Action:
        """Return the sequencing rule's action for this follower."""

    @abstractmethod
    def _catch_up(self, follower: Follower) -> None:
        """Request the read that closes this follower's gap."""

    # Reads of the log

    def _request(
        self, follower: Follower, kind: ReadKind, epoch: str = "", after: str = ""
    ) -> None:
        if kind is ReadKind.SNAPSHOT:
            follower.last = ""
        read = self.reads.get((kind, epoch, after))
        if read is None:
            read = LogRead(self, kind, epoch, after)
            self.reads[read.key] = read
            self._start(read)
        follower.read = read
        read.followers[follower] = None

    def settle(self, read: LogRead, result: LogReadResult) -> None:
        """Write the read's result to the followers that waited, then the frames held back."""
        followers = self._finish(read)
        if result.greeting is not None:
            self._greet(followers, result)
        elif result.missed is not None:
            self._fill(followers, result.missed)
        for frame in read.frames:
            for follower in followers:
                if follower.read is None and follower.last:
                    self._apply(follower, frame)

    def fail(self, read: LogRead) -> None:
        """Release the followers: the log did not answer, and the check requests a new read."""
        self._finish(read)

    def _finish(self, read: LogRead) -> list[Follower]:
        self.reads.pop(read.key, None)
        followers = [follower for follower in read.followers if follower.read is read]
        for follower in followers:
            follower.read = None
        return followers

    def _greet(self, followers: Sequence[Follower], result: LogReadResult) -> None:
        greeting, missed = result.greeting, result.missed
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
            self._move(follower, greeting.epoch, end)
            follower.is_greeted = True
            follower.outlet.put_all([texts[kind], *fills])

    def _fill(self, followers: Sequence[Follower], missed: MissedEntries) -> None:
        texts: list[str] | None = None
        for follower in followers:
            if missed.entries is None or is_other_log(follower.epoch, missed.epoch):
                self._request(follower, ReadKind.SNAPSHOT)
                continue
            if texts is None:
                texts = protocol.fill_texts(missed)
            self._move(follower, missed.epoch, missed.position)
            follower.outlet.put_all(texts)

    def _move(self, follower: Follower, epoch: str, position: str) -> None:
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
        """Compare every socket with the log: this finds lost frames that no later frame reveals.

        `newest` is the feed's newest position; `tip_before` the feed's `tip` just before that
        was read; `reached_ms` the log's time that the frames of all feeds have reached.
        """
        self._recover_all()
        if not epoch:
            return  # an empty Redis has nothing newer than the pages show
        if self._has_shown(epoch, newest):
            self.behind_since_us = None
            return
        due = position_key(self._overdue.look(newest, now_us, reached_ms=reached_ms))
        is_rolled_back = epoch == self.epoch and position_key(newest) < position_key(tip_before)
        if is_rolled_back:
            self.tip = newest
        for follower in self.followers:
            if follower.read is not None or follower.last in {"", newest}:
                continue
            if is_other_log(follower.epoch, epoch):
                self._request(follower, ReadKind.SNAPSHOT)
            elif is_rolled_back or position_key(follower.last) < due:
                self._catch_up(follower)
        self._measure(epoch, newest, now_us)

    def _has_shown(self, epoch: str, newest: str) -> bool:
        """Return whether every socket that waits for no read has all of the log."""
        if newest != self.tip or epoch != self.epoch:
            return False
        return all(
            follower.last == newest and follower.epoch == epoch
            for follower in self.followers
            if follower.read is None
        )

    def _recover_all(self) -> None:
        for follower in self.followers:
            if not follower.last:
                self.recover(follower)

    def _measure(self, epoch: str, newest: str, now_us: int) -> None:
        """Record since when the log has had an entry that no frame and no fill has brought."""
        tip = position_key(self.tip) if epoch == self.epoch else (0, 0)
        if tip >= position_key(newest):
            self.behind_since_us = None
        elif self.behind_since_us is None or tip >= position_key(self._undelivered):
            self.behind_since_us = now_us
            self._undelivered = newest
