"""Channels' pub/sub layer over our own clients, so that it also runs inside one process."""

from typing import Any

from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from django.conf import settings

from sensors.store.client import make_client


class Shard(RedisSingleShardConnection):  # type: ignore[misc]
    """The connection of one process; its client comes from the one factory."""

    _redis: Any
    _pubsub: Any

    def _ensure_redis(self) -> None:
        if self._redis is None:
            self._redis = make_client(settings.REDIS_URL, pool_size=4)
            self._pubsub = self._redis.pubsub()


class ChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    """Not trusted: the hub finds what it loses (design.md 4.3)."""

    def _get_layer(self) -> Any:
        layer: RedisPubSubLoopLayer = super()._get_layer()
        if not isinstance(layer._shards[0], Shard):
            layer._shards = [Shard({}, layer)]
        return layer
