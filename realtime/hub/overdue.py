"""Overdue positions: entries that should have been delivered by now."""

from collections import deque
from math import inf

from sensors.messages import START, position_key


class Overdue:
    """Position up to which a feed should have been delivered by now."""

    __slots__ = ("_due", "_grace_us", "_seen")

    def __init__(self, grace_us: int) -> None:
        self._grace_us = grace_us
        self._due = START
        self._seen: deque[tuple[int, str]] = deque()

    def look(self, newest: str, now_us: int, *, reached_ms: float = inf) -> str:
        """Return the newest position older than the grace, given the log's newest now.

        A position holds its time by Redis's clock, which finds a lost last frame soonest. The
        newest position of a grace ago counts too: that works under a steady stream and with
        clocks apart. No position is overdue before the frames of all feeds have passed it by
        the grace; `reached_ms` is the log's time that they have reached.
        """
        end = position_key(newest)
        passed = (reached_ms - self._grace_us / 1000, 0)

        def is_over(since_us: int, position: str) -> bool:
            return now_us - since_us >= self._grace_us and position_key(position) <= passed

        if position_key(self._due) > end:
            self._due = START
        while self._seen and position_key(self._seen[-1][1]) > end:
            self._seen.pop()
        while self._seen and is_over(*self._seen[0]):
            self._due = self._seen.popleft()[1]
        if newest not in {self._due, self._seen[-1][1] if self._seen else START}:
            self._seen.append((now_us, newest))
        return newest if is_over(end[0] * 1000, newest) else self._due
