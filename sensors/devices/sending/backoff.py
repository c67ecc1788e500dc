"""Backoff after a failed request; the clock is an argument."""

import random

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0


class Backoff:
    """Exponential backoff with jitter, shared by all requests to one server."""

    def __init__(self, *, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not a secret
        self._failures = 0
        self._until = 0.0

    def failed(self, now: float, *, retry_after: float | None = None) -> float:
        """Note a failure; return the pause: Retry-After, or twice the last pause."""
        if retry_after is not None:
            self._until = max(self._until, now + retry_after)
        elif now >= self._until:
            # Requests in flight together fail together: they count once.
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
            self._failures += 1
            # With random jitter, so that devices do not retry at the same moment.
            self._until = now + pause * self._random.uniform(0.5, 1.0)
        return self.remaining(now)

    def succeeded(self) -> None:
        self._failures = 0

    def remaining(self, now: float) -> float:
        return max(0.0, self._until - now)
