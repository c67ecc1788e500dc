"""Where a socket stands in a feed, and the reads of the log it may wait for."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import msgspec

from realtime import protocol
from realtime.protocol import Cursor, Greeting
from sensors.messages import Frame, MissedEntries

if TYPE_CHECKING:
    from realtime.hub.feeds import Feed


class Outlet(Protocol):
    """Where a follower's messages go; never waits.

    `write` takes a `text_frame` at once; it is None while messages have to wait for their turn.
    """

    write: Callable[[bytes], object] | None

    @property
    def is_idle(self) -> bool: ...

    def put(self, text: str, received_at: int = 0) -> None: ...

    def put_all(self, texts: Sequence[str]) -> None: ...


class ReadKind(Enum):
    """Which read of the log a job is."""

    FILL = "fill"  # the machine's entries after `after`
    RESUME = "resume"  # the same and a snapshot, for a socket that comes with a cursor
    SNAPSHOT = "snapshot"


class Follower:
    """One socket's place in one feed; `last` is empty while it has none."""

    __slots__ = ("cursor", "epoch", "feed", "is_greeted", "job", "last", "outlet")

    def __init__(self, feed: "Feed", outlet: Outlet, cursor: Cursor | None = None) -> None:
        self.feed = feed
        self.outlet = outlet
        self.cursor = cursor
        self.epoch = ""
        self.last = ""
        self.job: LogRead | None = None
        self.is_greeted = False

    @property
    def place(self) -> str | None:
        """The cursor from which this socket misses nothing; None when it has no place."""
        return protocol.cursor_text(self.epoch, self.last) if self.last else None


class LogRead:
    """One read of the log on which followers wait."""

    __slots__ = ("after", "epoch", "feed", "followers", "frames", "need")

    def __init__(self, feed: "Feed", need: ReadKind, epoch: str, after: str) -> None:
        self.feed = feed
        self.need = need
        self.epoch = epoch
        self.after = after
        self.followers: dict[Follower, None] = {}  # one may leave and come back
        self.frames: list[Frame] = []

    @property
    def key(self) -> tuple[ReadKind, str, str]:
        return (self.need, self.epoch, self.after)


class LogReadResult(msgspec.Struct, frozen=True):
    """What a job read: a greeting for SNAPSHOT and RESUME, what was missed for FILL and RESUME.

    A RESUME whose cursor is not (or no longer) in the log has a greeting only.
    """

    greeting: Greeting | None = None
    missed: MissedEntries | None = None
