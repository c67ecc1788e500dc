"""How far the frames have come: what is only late is not read from the log as well."""

from math import inf

from sensors.messages import START, position_key

# Who is further behind than this is brought up from the log, whatever is on its way.
LATEST_MS = 5000


class Stream:
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
