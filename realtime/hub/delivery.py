"""Delivery of frames: the budget of one loop iteration, and the progress of all frames."""

from math import inf

from sensors.messages import START, Frame, MachineFrame, position_key

# Messages to sockets, and the characters that one socket may get meanwhile.
DELIVERIES = 200
CHARACTERS = 64 * 1024


class DeliveryBudget:
    """At most one frame of each feed: who writes by a task empties its outbox in between."""

    def __init__(self) -> None:
        self._feeds: set[str | None] = set()
        self._deliveries = 0
        self._characters = 0

    def is_over_before(self, frame: Frame) -> bool:
        if self._deliveries >= DELIVERIES or self._characters >= CHARACTERS:
            return True
        return _feed_of(frame) in self._feeds

    def add(self, frame: Frame, deliveries: int) -> None:
        self._feeds.add(_feed_of(frame))
        self._deliveries += deliveries
        self._characters += len(frame.text)


def _feed_of(frame: Frame) -> str | None:
    return frame.machine_id if isinstance(frame, MachineFrame) else None


# Who is further behind than this is brought up from the log, whatever is on its way.
LATEST_MS = 5000


class DeliveryProgress:
    """The frames of all feeds of this process, in the order of the log but for a tick or so."""

    def __init__(self) -> None:
        self._newest = START
        self._flows = False

    def take(self, position: str) -> None:
        """A frame that ends here came in."""
        self._flows = True
        if position_key(position) > position_key(self._newest):
            self._newest = position

    def reached_ms(self, *, now_us: int) -> float:
        """Up to which moment of the log's clock all frames should have come, but for the grace.

        Infinite when none came since it was asked before: then nothing is on its way.
        """
        if not self._flows:
            return inf
        self._flows = False
        return max(position_key(self._newest)[0], now_us // 1000 - LATEST_MS)
