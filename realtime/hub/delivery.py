"""Delivery of frames: the budget of one loop iteration, and the progress of all frames."""

from math import inf

from sensors.messages import START, Frame, position_key

# Messages to sockets, and the characters that one socket may get meanwhile.
DELIVERIES = 200
CHARACTERS = 64 * 1024


class DeliveryBudget:
    """At most one frame of each feed: sockets that write by a task drain in between."""

    def __init__(self) -> None:
        self._topics: set[str] = set()
        self._deliveries = 0
        self._characters = 0

    def is_over_before(self, frame: Frame) -> bool:
        if self._deliveries >= DELIVERIES or self._characters >= CHARACTERS:
            return True
        return frame.topic in self._topics

    def add(self, frame: Frame, deliveries: int) -> None:
        self._topics.add(frame.topic)
        self._deliveries += deliveries
        self._characters += len(frame.text)


# A feed further behind than this is read from the log, whatever is on its way.
LATEST_MS = 5000


class DeliveryProgress:
    """Progress of the frames of all feeds, which come in log order but for a tick or so."""

    def __init__(self) -> None:
        self._newest = START
        self._flows = False

    def advance(self, position: str) -> None:
        """Record a frame that ends at this position."""
        self._flows = True
        if position_key(position) > position_key(self._newest):
            self._newest = position

    def reached_ms(self, *, now_us: int) -> float:
        """Return the log's time up to which all frames should have come, but for the grace.

        Infinite when no frame came since the last call: then none is on its way.
        """
        if not self._flows:
            return inf
        self._flows = False
        return max(position_key(self._newest)[0], now_us // 1000 - LATEST_MS)
