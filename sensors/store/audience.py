"""Watchers and subscribers: recorded by the hubs, read together with every log read."""

from collections.abc import Iterable, Mapping, Sequence

from sensors.messages import Audience
from sensors.store import keys
from sensors.store.client import Redis, RedisError, text, translate_errors
from sensors.store.connection import Command
from sensors.timestamps import SECOND_US

_WATCHED_SECONDS = 60  # longer than any watch
_NO_SCOPES: Mapping[str, str] = {}


class AudienceRegistry:
    """Records watched topics and sends to subscribers; each method may raise LogUnavailable."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def watch(
        self, topics: Iterable[str], *, until_us: int, scopes: Mapping[str, str] = _NO_SCOPES
    ) -> None:
        """Record that some process shows these topics (a frame's `topic`) until this moment.

        `scopes` are the texts of the topics' restricted scopes by key.
        """
        members = dict.fromkeys(topics, until_us / SECOND_US)
        if members:
            with translate_errors():
                async with self._client.pipeline(transaction=False) as pipe:
                    for scope_key, scope_text in scopes.items():
                        pipe.set(keys.scope(scope_key), scope_text, ex=_WATCHED_SECONDS)
                    pipe.zadd(keys.WATCHED, members, gt=True)
                    pipe.expire(keys.WATCHED, _WATCHED_SECONDS)
                    await pipe.execute()

    async def scope_texts(self, scope_keys: Sequence[str]) -> list[str]:
        """Return the texts of watched scopes, in the order of their keys; empty for no text."""
        with translate_errors():
            texts = await self._client.mget([keys.scope(scope_key) for scope_key in scope_keys])
        return [text(scope_text) for scope_text in texts]

    async def publish(self, messages: Iterable[tuple[str, str]]) -> None:
        """Send (machine_id, text) to the subscribers of the machine and to those of all."""
        with translate_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                for machine_id, message in messages:
                    for channel in {keys.updates(machine_id), keys.ALL_UPDATES}:
                        pipe.publish(channel, message)
                await pipe.execute()


def audience_questions(now_us: int) -> list[Command]:
    """Return the commands that read the audience; the first answer carries nothing."""
    return [
        ("ZREMRANGEBYSCORE", keys.WATCHED, "-inf", f"({now_us / SECOND_US}"),
        ("ZRANGE", keys.WATCHED, 0, -1),
        # 2.5 us of Redis among 10 channels, 16 us among 500: asking less often would save less
        # than a new subscriber would miss in between.
        ("PUBSUB", "CHANNELS", f"{keys.UPDATES_PREFIX}*"),
        ("PUBSUB", "NUMPAT"),
    ]


class AudienceDecoder:
    """Decodes the audience; the watched topics only when they changed since the last read."""

    def __init__(self) -> None:
        self._names: list[bytes] = []
        self._watched: frozenset[str] = frozenset()

    def __call__(
        self,
        watched: list[bytes] | RedisError,
        channels: list[bytes] | RedisError,
        patterns: int | RedisError,
    ) -> Audience:
        """Raise if the watchers cannot be read.

        Without permission for PUBSUB, assume no subscribers.
        """
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
            # A pattern may match any of our channels.
            all_are_listened=patterns > 0 or keys.ALL_UPDATES in listened,
        )
