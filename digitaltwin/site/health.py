"""Health for people and load balancers: without a login, answered within two seconds."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any

import structlog
from django.db import DatabaseError, connection
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from digitaltwin.conf.environment import VERSION
from digitaltwin.serving.drain import is_draining
from digitaltwin.site.log_health import check_log, reach_redis
from sensors.exceptions import LogUnavailable
from sensors.models import ConflictingReading, DeadLetter
from sensors.openapi import described_by

log = structlog.get_logger(__name__)
Check = Callable[[], dict[str, Any]]
Result = dict[str, Any] | None

DEADLINE_SECONDS = 1.5
# The table of conflicts may grow, and a count of all its rows take long.
MAX_COUNT = 10_000
SLOW_READER_SECONDS = 10.0

_started = time.monotonic()
# A check that hangs keeps its thread until its own timeout; later checks wait for a thread
# instead of starting more.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="health")


class PublicView(APIView):
    """A view for callers without a login; its answers reveal no reading."""

    authentication_classes = ()
    permission_classes = ()


class HealthView(PublicView):
    @described_by("digitaltwin.openapi.health.HEALTH")
    def get(self, request: Request) -> Response:
        report = health_report()
        return Response(report, status=503 if report["status"] == "unhealthy" else 200)


class LiveView(PublicView):
    """Liveness: this process runs and answers, whatever it can reach."""

    @described_by("digitaltwin.openapi.health.LIVE")
    def get(self, request: Request) -> Response:
        return Response({"status": "live"})


class ReadyView(PublicView):
    """Readiness: not while the process ends, nor without Redis or the database."""

    @described_by("digitaltwin.openapi.health.READY")
    def get(self, request: Request) -> Response:
        if is_draining():
            return Response({"status": "draining"}, status=503)
        database, redis = _run_both(_reach_database, reach_redis)
        checks = {"database": _reached(database), "redis": _reached(redis)}
        is_ready = None not in (database, redis)
        status = "ready" if is_ready else "unavailable"
        return Response({"status": status, "checks": checks}, status=200 if is_ready else 503)


def health_report() -> dict[str, Any]:
    """Return the answer of `/health`; parts that cannot be reached are null."""
    counts, live = _run_both(_count_dead_letters_and_conflicts, check_log)
    checks: dict[str, Any] = {"database": _reached(counts), "redis": _reached(live)}
    checks["log"] = live["log"] if live else None
    checks["readers"] = live["readers"] if live else None
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
    reasons = (
        checks["log"]["lag_seconds"] > SLOW_READER_SECONDS,
        checks["log"]["held_by"],
        checks["broadcast"] != "ok",
        is_volatile,
        is_draining(),
    )
    return "degraded" if any(reasons) else "healthy"


def _reached(result: Result) -> str:
    return "unavailable" if result is None else "ok"


def _run_both(first: Check, second: Check) -> tuple[Result, Result]:
    """Run both at the same time; None for a check that failed or missed the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    running = [_threads.submit(check) for check in (first, second)]
    return _result(running[0], deadline), _result(running[1], deadline)


def _result(running: "Future[dict[str, Any]]", deadline: float) -> Result:
    try:
        return running.result(max(0.0, deadline - time.monotonic()))
    except TooLate:
        running.cancel()
    except (DatabaseError, LogUnavailable) as exc:
        log.warning("health_check_failed", error=str(exc).strip())
    return None


# Checks that run in the threads


def _reach_database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return {}
    finally:
        connection.close()


def _count_dead_letters_and_conflicts() -> dict[str, Any]:
    try:
        return {
            "dead_letters": DeadLetter.objects.order_by()[:MAX_COUNT].count(),
            "conflicts": ConflictingReading.objects.order_by()[:MAX_COUNT].count(),
        }
    finally:
        connection.close()
