"""Redis clients, made in one place: explicit deadlines, no retries behind our back.

`memory://` is fakeredis inside this process: the embedded default where no redis-server is found.
"""

from typing import Any
from urllib.parse import urlsplit

import fakeredis
import redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MEMORY = "memory://"
# One call is answered within this, or the request is (redis-py 8's ten default retries turn
# half a second into nine).
CALL_SECONDS = 1.0
CONNECT_SECONDS = 0.5
POOL_WAIT_SECONDS = 1.0

_memory = fakeredis.FakeServer()

Redis = redis.asyncio.Redis
RedisError = redis.RedisError


def is_memory(url: str) -> bool:
    return urlsplit(url).scheme == "memory"


def make_client(url: str, *, pool_size: int = 16, read_seconds: float = CALL_SECONDS) -> Redis:
    """An asyncio client of its own; answers are bytes.

    `read_seconds` exceeds the block of a blocking read, for which a client of its own is made.
    """
    if is_memory(url):
        return fakeredis.FakeAsyncRedis(server=_memory)
    options: dict[str, Any] = {
        "socket_timeout": read_seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": pool_size,
        "timeout": POOL_WAIT_SECONDS,
        "health_check_interval": 0,
    }
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, **options)
    return redis.asyncio.Redis.from_pool(pool)
