"""Sensor faults that last a while, as in a real plant: a loose plug, a wet connector."""

import random

# A plant of sixty sensors has about one uncertain sensor a minute and a bad one every five.
MEAN_SECONDS_BETWEEN = 3_600.0
SHORTEST, LONGEST = 4.0, 25.0
BAD_SHARE = 0.2


class Faults:
    """Faults of one sensor by elapsed time, independent of the rate of readings."""

    def __init__(self, seed: str, *, since: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self._begins = self._ends = since
        self._quality = "good"
        self._draw()

    def quality(self, moment: float) -> str:
        """Return good, uncertain or bad; `moment` in seconds must not decrease."""
        while moment >= self._ends:
            self._draw()
        return self._quality if moment >= self._begins else "good"

    def _draw(self) -> None:
        self._begins = self._ends + self._random.expovariate(1.0 / MEAN_SECONDS_BETWEEN)
        self._ends = self._begins + self._random.uniform(SHORTEST, LONGEST)
        self._quality = "bad" if self._random.random() < BAD_SHARE else "uncertain"
