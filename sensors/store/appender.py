"""Group commit: requests gather while one call to Redis is in flight, then go as one call."""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from django.conf import settings

from sensors.enums import Outcome
from sensors.exceptions import LogFull, LogUnavailable, RateLimited, ScriptFailed, SensorsError
from sensors.messages import LiveReading, Receipt
from sensors.metrics import LOG_COMMIT_SECONDS, LOG_COMMIT_SIZE
from sensors.store import keys
from sensors.store.append_arguments import AppendArguments, Argument, arguments_of
from sensors.store.client import RedisError
from sensors.store.connection import SerialConnection, load_script

log = structlog.get_logger(__name__)

FLUSH_READINGS = 2000
FLUSH_BYTES = 256 * 1024
# Sockets fill gaps in messages of at most 500 readings, which hold whole entries.
ENTRY_READINGS = 500
_APPEND = load_script("append")
_OUTCOMES = {
    ord("a"): Outcome.ACCEPTED,
    ord("l"): Outcome.LATE,
    ord("d"): Outcome.DUPLICATE,
    ord("c"): Outcome.CONFLICT,
}


class AppendRequest(msgspec.Struct, gc=False):
    """The rows of a request as arguments of the script, and the future of its receipt."""

    arguments: list[Argument]
    packed: AppendArguments
    receipt: asyncio.Future[Receipt]

    @property
    def readings(self) -> int:
        """The number of readings."""
        return len(self.packed.indices)


class Appender:
    """The writer of readings in this process; one flush is in flight at a time."""

    def __init__(self, connection: SerialConnection) -> None:
        self._connection = connection
        self._waiting: deque[AppendRequest] = deque()
        self._task: asyncio.Task[None] | None = None

    async def append(
        self, readings: Sequence[LiveReading], *, key_id: str, partial: bool
    ) -> Receipt:
        """Return when the readings are in the log.

        Raises LogUnavailable (the readings may be in the log or not), RateLimited or LogFull.
        """
        request = _request(readings, key_id=key_id, partial=partial)
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush_all())
        return await request.receipt

    async def close(self) -> None:
        """Wait for the flush in flight, then disconnect."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._connection.aclose()

    async def _flush_all(self) -> None:
        while self._waiting:
            flush = self._gather()
            try:
                await self._commit(flush)
            except ScriptFailed as exc:
                # Redis answers: the requests that gathered meanwhile have their own chance.
                self._fail(flush, exc)
            except (RedisError, OSError, TimeoutError) as exc:
                # The requests that gathered meanwhile have waited as long: an answer now is
                # better than a second deadline. A reading that was kept is recognised when sent
                # again.
                self._fail_all(flush, exc)
            except BaseException as exc:
                self._fail_all(flush, exc)
                raise

    def _gather(self) -> list[AppendRequest]:
        flush: list[AppendRequest] = []
        readings = size = 0
        while self._waiting:
            readings += self._waiting[0].readings
            size += self._waiting[0].packed.size
            if flush and (readings > FLUSH_READINGS or size > FLUSH_BYTES):
                break
            flush.append(self._waiting.popleft())
        return flush

    async def _commit(self, flush: list[AppendRequest]) -> None:
        arguments = _flush_arguments(len(flush))
        for request in flush:
            arguments += request.arguments
        with LOG_COMMIT_SECONDS.time():
            _epoch, *replies = await _APPEND(
                self._connection, keys=[keys.LOG, keys.EPOCH, keys.METRICS], args=arguments
            )
        LOG_COMMIT_SIZE.observe(sum(request.readings for request in flush))
        for request, reply in zip(flush, replies, strict=True):
            if not request.receipt.done():
                _resolve(request, reply)

    def _fail_all(self, flush: list[AppendRequest], exc: BaseException) -> None:
        requests = [*flush, *self._waiting]
        self._waiting.clear()
        self._fail(requests, exc)

    def _fail(self, requests: list[AppendRequest], exc: BaseException) -> None:
        log.error("append_failed", requests=len(requests), error=repr(exc))
        for request in requests:
            if not request.receipt.done():
                request.receipt.set_exception(_failure(exc))


def _request(readings: Sequence[LiveReading], *, key_id: str, partial: bool) -> AppendRequest:
    limit, window = settings.RATE_LIMIT or (0, 0)
    packed = arguments_of(readings)
    mode = "partial" if partial else "all"
    arguments = [key_id, limit, window, mode, *packed.arguments]
    return AppendRequest(arguments, packed, asyncio.get_running_loop().create_future())


def _flush_arguments(requests: int) -> list[Argument]:
    return [
        secrets.token_hex(4),
        settings.RECENT_SECONDS,
        settings.MAX_LOG_ENTRIES,
        ENTRY_READINGS,
        keys.SEEN_PREFIX,
        keys.RATE_PREFIX,
        keys.LATEST_PREFIX,
        requests,
    ]


def _failure(exc: BaseException) -> LogUnavailable:
    """Return a new exception for each request: several tasks must not raise the same one."""
    if isinstance(exc, ScriptFailed):
        return ScriptFailed(exc.script, exc.error)
    return LogUnavailable()


def _resolve(request: AppendRequest, reply: list[Any]) -> None:
    status, remaining, reset, outcomes, position = reply
    if status in (b"ok", b"conflict"):
        request.receipt.set_result(
            Receipt(
                _in_order(outcomes, request.packed.indices),
                position.decode() or None,
                remaining if remaining >= 0 else None,
                reset if reset >= 0 else None,
            )
        )
    else:
        request.receipt.set_exception(_refusal(status, reset))


def _in_order(letters: bytes, indices: Sequence[int]) -> tuple[Outcome, ...]:
    """Return the script's outcomes, which come by machine, in the order of the readings."""
    if letters.count(b"a") == len(indices):
        return (Outcome.ACCEPTED,) * len(indices)
    outcomes = [Outcome.ACCEPTED] * len(indices)
    for index, letter in zip(indices, letters, strict=True):
        outcomes[index] = _OUTCOMES[letter]
    return tuple(outcomes)


def _refusal(status: bytes, reset: int) -> SensorsError:
    if status == b"rate":
        return RateLimited(
            f"The rate limit of the device key is exhausted for {reset} s.",
            headers={"Retry-After": str(max(1, reset))} | rate_headers(0, reset),
        )
    return log_full()


def log_full() -> LogFull:
    """Return the refusal of a log that holds MAX_LOG_ENTRIES."""
    return LogFull(
        f"The log has reached {settings.MAX_LOG_ENTRIES} entries; the database is behind.",
        headers={"Retry-After": "5"},
    )


def rate_headers(remaining: int | None, reset: int | None) -> dict[str, str]:
    """Return `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""
    if settings.RATE_LIMIT is None or remaining is None:
        return {}
    limit, window = settings.RATE_LIMIT
    return {
        "RateLimit-Policy": f'"device-key";q={limit};w={window}',
        "RateLimit": f'"device-key";r={remaining};t={reset}',
    }
