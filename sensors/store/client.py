"""Redis clients, made in one place: explicit deadlines, no retries behind our back.

`memory://` is fakeredis inside this process: the embedded default where no redis-server is found.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.retry import Retry as SyncRetry

MEMORY = "memory://"
# One call is answered within this, or the request is (redis-py 8's ten default retries turn
# half a second into nine).
CALL_SECONDS = 1.0
CONNECT_SECONDS = 0.5
POOL_WAIT_SECONDS = 1.0

Redis = redis.asyncio.Redis
SyncRedis = redis.Redis
RedisError = redis.RedisError
ResponseError = redis.ResponseError


def is_memory(url: str) -> bool:
    return urlsplit(url).scheme == "memory"


def make_client(
    url: str, *, pool_size: int = 16, read_seconds: float | None = CALL_SECONDS
) -> Redis:
    """An asyncio client of its own; answers are bytes.

    `read_seconds` exceeds the block of a blocking read, for which a client of its own is made.
    """
    if is_memory(url):
        client: Redis = _fakeredis().FakeAsyncRedis(server=_memory())
        return client
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, retry=Retry(NoBackoff(), 0), **_options(pool_size, read_seconds)
    )
    pool.connection_class = _packing_natively(pool.connection_class)
    return redis.asyncio.Redis.from_pool(pool)


def make_sync_client(url: str, *, pool_size: int = 16) -> SyncRedis:
    """A client for threads, with the same deadlines."""
    if is_memory(url):
        sync_client: SyncRedis = _fakeredis().FakeRedis(server=_memory())
        return sync_client
    pool = redis.BlockingConnectionPool.from_url(
        url, retry=SyncRetry(NoBackoff(), 0), **_options(pool_size, CALL_SECONDS)
    )
    return redis.Redis.from_pool(pool)


def _fakeredis() -> Any:
    """Loaded when it is wanted: with a Redis it would be 5 MB in every process for nothing."""
    import fakeredis  # noqa: PLC0415

    return fakeredis


@cache
def _memory() -> Any:
    """The one log of this process."""
    return _fakeredis().FakeServer()


def volatile_because(info: Mapping[str, Any]) -> str | None:
    """Why a Redis with this INFO (persistence and memory) may forget what it took."""
    if not info.get("aof_enabled"):
        return "append-only persistence (appendonly yes) is off"
    if info.get("maxmemory_policy") != "noeviction":
        return f"its maxmemory-policy is {info.get('maxmemory_policy')}, not noeviction"
    return None


def _packing_natively(connection: type[Any]) -> type[Any]:
    """The connection with hiredis' packer, which redis-py gives its sync connections alone.

    A flush has thousands of arguments: packing them in Python was a tenth of what a batch costs.
    """
    return type(connection.__name__, (connection,), {"pack_command": staticmethod(_pack)})


def _pack(command: str, *arguments: bytes | str | float) -> list[bytes]:
    """A command as RESP; some of redis-py's are two words."""
    try:
        packed = hiredis.pack_command((*command.split(), *arguments))  # type: ignore[arg-type]
    except TypeError as exc:
        raise redis.DataError(str(exc)) from exc
    return [packed]


def _options(pool_size: int, read_seconds: float | None) -> dict[str, Any]:
    return {
        "socket_timeout": read_seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "max_connections": pool_size,
        "timeout": POOL_WAIT_SECONDS,
        "health_check_interval": 0,
    }
