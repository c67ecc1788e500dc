"""Who is there for what is sent: asked for with every read of the broadcaster."""

from sensors.messages import Audience
from sensors.store import keys
from sensors.store.client import RedisError
from sensors.store.connection import Command
from sensors.store.decoding import text
from sensors.timestamps import SECOND_US


def audience_questions(now_us: int) -> list[Command]:
    """What to ask; the first of the four answers is of no interest."""
    return [
        ("ZREMRANGEBYSCORE", keys.WATCHED, "-inf", f"({now_us / SECOND_US}"),
        ("ZRANGE", keys.WATCHED, 0, -1),
        # 2.5 us of Redis among 10 channels, 16 us among 500: no pause between two looks is worth
        # what a new subscriber would miss in it.
        ("PUBSUB", "CHANNELS", f"{keys.UPDATES_PREFIX}*"),
        ("PUBSUB", "NUMPAT"),
    ]


class AudienceDecoder:
    """Decodes who watches only when that has changed: it is asked for at every turn."""

    def __init__(self) -> None:
        self._names: list[bytes] = []
        self._watched: frozenset[str] = frozenset()

    def __call__(
        self,
        watched: list[bytes] | RedisError,
        channels: list[bytes] | RedisError,
        patterns: int | RedisError,
    ) -> Audience:
        """Raises what kept the watchers from us; without the right to ask, nobody listens."""
        if isinstance(watched, Exception):
            raise watched
        if isinstance(channels, Exception) or isinstance(patterns, Exception):
            channels, patterns = [], 0
        if watched != self._names:
            self._names, self._watched = watched, frozenset(text(name) for name in watched)
        listened = frozenset(text(name) for name in channels)
        return Audience(
            watched=self._watched,
            listened=frozenset(name.removeprefix(keys.UPDATES_PREFIX) for name in listened),
            # A pattern may mean any of our channels.
            all_are_listened=patterns > 0 or keys.ALL_UPDATES in listened,
        )
