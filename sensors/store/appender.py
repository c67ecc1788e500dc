"""Group commit: while one call to Redis is in flight the next requests gather, then go as one."""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
from django.conf import settings

from sensors.enums import Outcome
from sensors.exceptions import LogFull, LogUnavailable, RateLimited, SensorsError
from sensors.messages import LiveReading, Receipt
from sensors.metrics import LOG_COMMIT_SECONDS, LOG_COMMIT_SIZE
from sensors.store import keys
from sensors.store.append_arguments import AppendArguments, Argument, arguments_of
from sensors.store.client import RedisError
from sensors.store.connection import Script, SerialConnection

log = structlog.get_logger(__name__)

FLUSH_READINGS = 2000
FLUSH_BYTES = 256 * 1024
# Sockets fill gaps in messages of at most 500 readings; an entry is never split by a message.
ENTRY_READINGS = 500
_SCRIPT = Script((Path(__file__).parent / "scripts" / "append.lua").read_text(encoding="utf-8"))
_OUTCOMES = {
    ord("a"): Outcome.ACCEPTED,
    ord("l"): Outcome.LATE,
    ord("d"): Outcome.DUPLICATE,
    ord("c"): Outcome.CONFLICT,
}


class AppendRequest(msgspec.Struct, gc=False):
    """One request's rows, as arguments of the script, and who waits for its receipt."""

    arguments: list[Argument]
    packed: AppendArguments
    answer: asyncio.Future[Receipt]

    @property
    def readings(self) -> int:
        return len(self.packed.indices)


class Appender:
    """The one writer of the log in this process; one flush is in flight at a time."""

    def __init__(self, line: SerialConnection) -> None:
        self._line = line
        self._waiting: deque[AppendRequest] = deque()
        self._task: asyncio.Task[None] | None = None

    async def append(
        self, readings: Sequence[LiveReading], *, key_id: str, partial: bool
    ) -> Receipt:
        """Resolve when the readings are in the log, or raise why they are not.

        Raises LogUnavailable (not promised, may be kept after all), RateLimited or LogFull.
        """
        request = _request(readings, key_id=key_id, partial=partial)
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush_all())
        return await request.answer

    async def close(self) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._line.aclose()

    async def _flush_all(self) -> None:
        while self._waiting:
            flush = self._gather()
            try:
                await self._commit(flush)
            except (RedisError, OSError, TimeoutError) as exc:
                # Those who gathered meanwhile have waited as long: an honest answer now beats
                # a second deadline. What was kept after all is recognised when sent again.
                self._fail([*flush, *self._waiting], exc)
            except BaseException as exc:
                self._fail([*flush, *self._waiting], exc)
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
            _epoch, *replies = await _SCRIPT(
                self._line, keys=[keys.LOG, keys.EPOCH, keys.METRICS], args=arguments
            )
        LOG_COMMIT_SIZE.observe(sum(request.readings for request in flush))
        for request, reply in zip(flush, replies, strict=True):
            if not request.answer.done():
                _answer(request, reply)

    def _fail(self, requests: list[AppendRequest], exc: BaseException) -> None:
        self._waiting.clear()
        log.error("append_failed", requests=len(requests), error=repr(exc))
        for request in requests:
            if not request.answer.done():
                request.answer.set_exception(LogUnavailable())


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


def _answer(request: AppendRequest, reply: list[Any]) -> None:
    status, remaining, reset, outcomes, position = reply
    if status in (b"ok", b"conflict"):
        request.answer.set_result(
            Receipt(
                _in_order(outcomes, request.packed.indices),
                position.decode() or None,
                remaining if remaining >= 0 else None,
                reset if reset >= 0 else None,
            )
        )
    else:
        request.answer.set_exception(_refusal(status, reset))


def _in_order(letters: bytes, indices: Sequence[int]) -> tuple[Outcome, ...]:
    """The script's outcomes, which come by machine, in the order of the readings."""
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
    return LogFull(
        f"The log has reached {settings.MAX_LOG_ENTRIES} entries; the database is behind.",
        headers={"Retry-After": "5"},
    )


def rate_headers(remaining: int | None, reset: int | None) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10)."""
    if settings.RATE_LIMIT is None or remaining is None:
        return {}
    limit, window = settings.RATE_LIMIT
    return {
        "RateLimit-Policy": f'"device-key";q={limit};w={window}',
        "RateLimit": f'"device-key";r={remaining};t={reset}',
    }
