"""Channels' pub/sub layer over the store's Redis clients; it also runs without Redis."""

from collections.abc import Mapping, Sequence
from typing import Any

from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from django.conf import settings

from sensors.store.client import CALL_SECONDS, make_client
from sensors.store.connection import SerialConnection
from sensors.store.pubsub import Subscription, publish_many


class PubSubConnection(RedisSingleShardConnection):  # type: ignore[misc]
    """The pub/sub connection of one process; its client comes from the store's factory."""

    _redis: Any
    _pubsub: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._publisher = SerialConnection(settings.REDIS_URL, seconds=CALL_SECONDS)

    async def publish_many(self, messages: Sequence[tuple[str, bytes]]) -> None:
        await publish_many(self._publisher, messages)

    async def flush(self) -> None:
        await super().flush()
        await self._publisher.aclose()

    def _ensure_redis(self) -> None:
        if self._redis is None:
            self._redis = make_client(settings.REDIS_URL, pool_size=4)
            self._pubsub = Subscription(self._redis.connection_pool)


class ChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """Best-effort channel layer; the hub repairs lost messages (docs/decisions/0003)."""

    async def group_send_many(self, messages: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Send each message to its group, in order and in one round trip to Redis."""
        layer = self._get_layer()
        await layer._shards[0].publish_many(
            [
                (layer._get_group_channel_name(group), self.serialize(message))
                for group, message in messages
            ]
        )

    async def receive(self, channel: str) -> Any:
        """Receive the next message; a message that has already arrived takes fewer steps."""
        layer = self._get_layer()
        queue = layer.channels.get(channel)
        if queue is None or queue.empty():
            return await layer.receive(channel)
        return self.deserialize(queue.get_nowait())

    def _get_layer(self) -> Any:
        layer: RedisPubSubLoopLayer = super()._get_layer()
        if not isinstance(layer._shards[0], PubSubConnection):
            layer._shards = [PubSubConnection({}, layer)]
        return layer
