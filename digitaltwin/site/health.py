"""Health for people and for load balancers: no login, an answer within two seconds."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from digitaltwin.conf.environment import VERSION
from digitaltwin.serving.drain import is_draining
from sensors.exceptions import LogUnavailable
from sensors.messages import START, position_key
from sensors.models import ConflictingReading, DeadLetter
from sensors.openapi import described_by
from sensors.readers.lag import lag
from sensors.store.sync import get_sync_store
from sensors.timestamps import now_us

log = structlog.get_logger(__name__)
Found = dict[str, Any] | None
Check = Callable[[], dict[str, Any]]

DEADLINE_SECONDS = 1.5
# The table of conflicts may grow; more than so many is bad enough without a number.
COUNTED = 10_000
SLOW_HISTORY_SECONDS = 10.0
# The broadcaster notes how far it is once a second; more than two behind it is delayed.
SLOW_BROADCAST_SECONDS = 3.0

_started = time.monotonic()
# A check that hangs keeps its thread until its own time-out; the next ones wait here, not more
# and more of them.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")


class PublicView(APIView):
    """For callers without a login, who are told nothing about the readings."""

    authentication_classes = ()
    permission_classes = ()


class HealthView(PublicView):
    @described_by("digitaltwin.openapi.health.HEALTH")
    def get(self, request: Request) -> Response:
        report = health_report()
        return Response(report, status=503 if report["status"] == "unhealthy" else 200)


class LiveView(PublicView):
    """This process runs and answers; whether it is of use is ready's to say."""

    @described_by("digitaltwin.openapi.health.LIVE")
    def get(self, request: Request) -> Response:
        return Response({"status": "live"})


class ReadyView(PublicView):
    """Whether to send requests here: not while it ends, nor without Redis or the database."""

    @described_by("digitaltwin.openapi.health.READY")
    def get(self, request: Request) -> Response:
        if is_draining():
            return Response({"status": "draining"}, status=503)
        database, redis = _both(_reach_database, _reach_redis)
        checks = {"database": _word(database), "redis": _word(redis)}
        is_ready = None not in (database, redis)
        word = "ready" if is_ready else "unavailable"
        return Response({"status": word, "checks": checks}, status=200 if is_ready else 503)


def health_report() -> dict[str, Any]:
    """Build the report of `/health`; parts that cannot be read are null."""
    counts, live = _both(_count_trouble, _look_at_log)
    checks: dict[str, Any] = {"database": _word(counts), "redis": _word(live)}
    checks["log"] = live["log"] if live else None
    checks["broadcast"] = live["broadcast"] if live else "unknown"
    checks |= counts or {"dead_letters": None, "conflicts": None}
    return {
        "status": _status(checks, is_volatile=live is not None and live["is_volatile"]),
        "version": VERSION,
        "uptime_seconds": round(time.monotonic() - _started, 1),
        "checks": checks,
        "counters": live["counters"] if live else {},
    }


def _status(checks: dict[str, Any], *, is_volatile: bool) -> str:
    if "unavailable" in (checks["database"], checks["redis"]):
        return "unhealthy"
    is_slow = checks["log"]["lag_seconds"] > SLOW_HISTORY_SECONDS
    is_degraded = is_slow or checks["broadcast"] != "ok" or is_volatile or is_draining()
    return "degraded" if is_degraded else "healthy"


def _word(found: object) -> str:
    return "unavailable" if found is None else "ok"


def _both(first: Check, second: Check) -> tuple[Found, Found]:
    """Both answers, asked at the same time; None for one that failed or came too late."""
    until = time.monotonic() + DEADLINE_SECONDS
    asked = [_threads.submit(function) for function in (first, second)]
    return _answer(asked[0], until), _answer(asked[1], until)


def _answer(asked: "Future[dict[str, Any]]", until: float) -> Found:
    try:
        return asked.result(max(0.0, until - time.monotonic()))
    except TooLate:
        asked.cancel()
    except (DatabaseError, LogUnavailable) as exc:
        log.warning("health_check_failed", error=str(exc).strip())
    return None


# What runs in the threads


def _reach_database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return {}
    finally:
        connection.close()


def _count_trouble() -> dict[str, Any]:
    try:
        return {
            "dead_letters": DeadLetter.objects.order_by()[:COUNTED].count(),
            "conflicts": ConflictingReading.objects.order_by()[:COUNTED].count(),
        }
    finally:
        connection.close()


def _reach_redis() -> dict[str, Any]:
    get_sync_store().stored()
    return {}


def _look_at_log() -> dict[str, Any]:
    store = get_sync_store()
    state, now = store.health(), now_us()

    def behind(position: str) -> tuple[int, float]:
        unread = store.first_after(position)
        oldest = unread if position == START else store.first_after(START)
        return lag(
            unread,
            oldest=oldest or START,
            newest=max(state["last_position"], unread or START, key=position_key),
            length=state["entries"],
            now_us=now,
        )

    entries, seconds = behind(state["stored_position"])
    # Nobody is told of what is older than this, so nothing older is late.
    recent = f"{max(0, now // 1000 - settings.RECENT_SECONDS * 1000)}-0"
    _, unsent = behind(max(state["broadcast_position"], recent, key=position_key))
    return {
        "log": {
            "entries": state["entries"],
            "lag_entries": entries,
            "lag_seconds": round(seconds, 3),
            "durable": state["durable"],
        },
        "broadcast": "delayed" if unsent > SLOW_BROADCAST_SECONDS else "ok",
        # In memory by design every answer waits for the database; by mistake nothing does.
        "is_volatile": not state["durable"] and not store.in_memory,
        "counters": store.counters(),
    }
