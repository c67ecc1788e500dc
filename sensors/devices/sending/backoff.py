"""How long nothing is sent after the server could not take something; the clock is an argument."""

import random

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0


class Backoff:
    """One pause for all requests: the server's trouble is the same for each of them."""

    def __init__(self, *, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self._failures = 0
        self._until = 0.0

    def failed(self, now: float, *, retry_after: float | None = None) -> float:
        """Pause, as long as the server asks or twice as long as before; return the seconds."""
        if retry_after is not None:
            self._until = max(self._until, now + retry_after)
        elif now >= self._until:
            # Requests that were under way together fail together: they count once.
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
            self._failures += 1
            # Spread, so that many devices do not return in the same moment.
            self._until = now + pause * self._random.uniform(0.5, 1.0)
        return self.remaining(now)

    def succeeded(self) -> None:
        self._failures = 0

    def remaining(self, now: float) -> float:
        return max(0.0, self._until - now)
