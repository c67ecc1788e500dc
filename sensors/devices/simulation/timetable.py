"""Timetable of measuring and posting at a given rate; the clock is an argument."""

import heapq
from collections.abc import Mapping

# RATE_LIMIT allows a device key 100 requests a second, and retries need room as well. At higher
# rates a machine posts several moments in one batch.
MAX_POSTS_A_SECOND = 60.0
# After a clock jump or a suspended process, missed readings are not made up.
LONGEST_GAP = 30.0


class Timetable:
    """A sensor measures each `interval` seconds; machines post one after the other."""

    def __init__(self, sensors: Mapping[str, int], *, rate: float, start: float) -> None:
        """`sensors`: count per machine; `rate`: readings a second in total."""
        self.interval = sum(sensors.values()) / rate
        self.post_every = max(self.interval, len(sensors) / MAX_POSTS_A_SECOND)
        self._machines = list(sensors)
        self._begin(start)

    @property
    def next_due(self) -> float:
        return self._turns[0][0]

    def due(self, now: float) -> list[tuple[str, list[float]]]:
        """Return the machines due to post, each with the moments measured since its last post."""
        if abs(now - self.next_due) > max(LONGEST_GAP, 2 * self.post_every):
            self._begin(now)
        turns = []
        while self.next_due <= now:
            moment, machine = self._turns[0]
            heapq.heapreplace(self._turns, (moment + self.post_every, machine))
            if moments := self._measured(machine, moment):
                turns.append((machine, moments))
        return turns

    def _begin(self, start: float) -> None:
        share = self.post_every / len(self._machines)
        firsts = {machine: start + i * share for i, machine in enumerate(self._machines)}
        self._next = dict(firsts)
        self._turns = [(first, machine) for machine, first in firsts.items()]
        heapq.heapify(self._turns)

    def _measured(self, machine: str, until: float) -> list[float]:
        moments = []
        while self._next[machine] <= until:
            moments.append(self._next[machine])
            self._next[machine] += self.interval
        return moments
