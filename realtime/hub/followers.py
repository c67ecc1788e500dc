"""Positions of sockets in a feed, and the log reads that they wait for."""

from collections.abc import Callable, Sequence, Set
from enum import Enum
from typing import Protocol

import msgspec

from realtime import protocol
from realtime.protocol import Cursor, Greeting
from sensors.messages import Frame, MissedEntries
from sensors.scopes import Scope


class Outlet(Protocol):
    """Outbox of a follower's messages; never waits.

    `write` sends a `text_frame` at once; it is None while messages are queued.
    """

    write: Callable[[bytes], object] | None

    @property
    def is_idle(self) -> bool: ...

    def put(self, text: str, received_at: int = 0) -> None: ...

    def put_all(self, texts: Sequence[str]) -> None: ...


class ReadKind(Enum):
    """Kinds of log reads."""

    FILL = "fill"  # the machine's entries after `after`
    RESUME = "resume"  # the same and a snapshot, for a socket that comes with a cursor
    SNAPSHOT = "snapshot"


class FollowedFeed(Protocol):
    """The part of a feed that its followers and log reads call."""

    @property
    def topic(self) -> str: ...

    @property
    def machine_id(self) -> str | None: ...

    @property
    def scope(self) -> Scope: ...

    def leave(self, follower: "Follower") -> None: ...

    def mark_lost(self, follower: "Follower") -> None: ...

    def recover(self, follower: "Follower") -> None: ...

    def settle(self, read: "LogRead", result: "LogReadResult") -> None: ...

    def fail(self, read: "LogRead") -> None: ...

    def update_machines(self, machine_ids: Set[str]) -> None: ...


class Follower:
    """The position of a socket in a feed; `last` is empty while it has none."""

    __slots__ = ("cursor", "epoch", "feed", "is_greeted", "last", "outlet", "read")

    def __init__(self, feed: FollowedFeed, outlet: Outlet, cursor: Cursor | None = None) -> None:
        self.feed = feed
        self.outlet = outlet
        self.cursor = cursor
        self.epoch = ""
        self.last = ""
        self.read: LogRead | None = None
        self.is_greeted = False

    @property
    def resume_cursor(self) -> str | None:
        """Cursor from which this socket misses nothing; None while it has no position."""
        return protocol.cursor_text(self.epoch, self.last) if self.last else None


class LogRead:
    """A read of the log on which followers wait; it holds back the frames that come meanwhile."""

    __slots__ = ("after", "epoch", "feed", "followers", "frames", "kind")

    def __init__(self, feed: FollowedFeed, kind: ReadKind, epoch: str, after: str) -> None:
        self.feed = feed
        self.kind = kind
        self.epoch = epoch
        self.after = after
        self.followers: dict[Follower, None] = {}  # one may leave and come back
        self.frames: list[Frame] = []

    @property
    def key(self) -> tuple[ReadKind, str, str]:
        return (self.kind, self.epoch, self.after)


class LogReadResult(msgspec.Struct, frozen=True):
    """Result of a log read: a greeting for SNAPSHOT and RESUME, missed entries for FILL and RESUME.

    A RESUME whose cursor is not (or no longer) in the log has a greeting only.
    """

    greeting: Greeting | None = None
    missed: MissedEntries | None = None
