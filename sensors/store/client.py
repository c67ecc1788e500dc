"""Redis clients and their errors: explicit deadlines, no retries by the library.

`memory://` is fakeredis inside this process: the embedded default where no redis-server is found.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.retry import Retry as SyncRetry

from sensors.exceptions import LogUnavailable

MEMORY = "memory://"
# Deadline of one call. redis-py 8's ten default retries would turn half a second into nine.
CALL_SECONDS = 1.0
CONNECT_SECONDS = 0.5
POOL_WAIT_SECONDS = 1.0

Redis = redis.asyncio.Redis
SyncRedis = redis.Redis
RedisError = redis.RedisError
ResponseError = redis.ResponseError

# Error codes of a server that cannot answer now, or not this client. Every other error reply
# names a fault of the command, the script or the data.
_OUTAGE_CODE = (
    "(ASK|BUSY|CLUSTERDOWN|EXECABORT|LOADING|MASTERDOWN|MISCONF|MOVED"
    "|NOAUTH|NOPERM|NOREPLICAS|OOM|READONLY|TRYAGAIN|UNKILLABLE|WRONGPASS)"
)
_OUTAGE = re.compile(f"{_OUTAGE_CODE}( |$)")
# Redis 6 puts the code of a command that failed in a script behind "ERR Error running script".
_OUTAGE_IN_SCRIPT = re.compile(f": -{_OUTAGE_CODE} ")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise LogUnavailable for any error of Redis or of the connection to Redis."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as exc:
        raise LogUnavailable(f"Redis did not answer: {exc}") from exc


def is_outage(error: ResponseError) -> bool:
    """Whether the server cannot answer now, or refuses this client."""
    # redis-py cuts the codes that it knows off the text.
    reply = f"{getattr(error, 'status_code', None) or ''} {error}".strip()
    return bool(_OUTAGE.match(reply) or _OUTAGE_IN_SCRIPT.search(reply))


def text(value: bytes | str | None) -> str:
    """Redis's answer as text; empty for none."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value or ""


def is_memory(url: str) -> bool:
    """Return whether the address stands for fakeredis in this process."""
    return urlsplit(url).scheme == "memory"


def make_client(
    url: str, *, pool_size: int = 16, read_seconds: float | None = CALL_SECONDS
) -> Redis:
    """Return a new asyncio client; its answers are bytes.

    A client for blocking reads needs `read_seconds` longer than the block.
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
    """Return a new client for threads, with the same deadlines."""
    if is_memory(url):
        sync_client: SyncRedis = _fakeredis().FakeRedis(server=_memory())
        return sync_client
    pool = redis.BlockingConnectionPool.from_url(
        url, retry=SyncRetry(NoBackoff(), 0), **_options(pool_size, CALL_SECONDS)
    )
    return redis.Redis.from_pool(pool)


def _fakeredis() -> Any:
    """Import fakeredis at first use: it takes 5 MB, which a process with a Redis can save."""
    import fakeredis  # noqa: PLC0415

    return fakeredis


@cache
def _memory() -> Any:
    """Return the in-memory server that all clients of this process share."""
    return _fakeredis().FakeServer()


def volatile_because(info: Mapping[str, Any]) -> str | None:
    """Return why a Redis with this INFO (persistence and memory) may lose data, if it may."""
    if not info.get("aof_enabled"):
        return "append-only persistence (appendonly yes) is off"
    if info.get("maxmemory_policy") != "noeviction":
        return f"its maxmemory-policy is {info.get('maxmemory_policy')}, not noeviction"
    return None


def _packing_natively(connection: type[Any]) -> type[Any]:
    """Return the connection class with hiredis' packer, which redis-py gives only sync ones.

    A flush has thousands of arguments: packing them in Python was a tenth of a batch's cost.
    """
    return type(connection.__name__, (connection,), {"pack_command": staticmethod(_pack)})


def _pack(command: str, *arguments: bytes | str | float) -> list[bytes]:
    """Encode a command as RESP; some of redis-py's command names are two words."""
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
