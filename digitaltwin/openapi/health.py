"""The OpenAPI operations of the three health addresses."""

from typing import Any

from sensors.api.openapi.parts import (
    COUNT,
    MOMENT,
    NUMBER,
    TEXT,
    YES_OR_NO,
    Part,
    answer,
    described,
    objects,
    or_null,
    reference,
    shape,
    words,
)
from sensors.api.openapi.problems import DJANGO, problem_answers

_REACHED = words(("ok", "unavailable"))
_LAG = {"lag_entries": COUNT, "lag_seconds": NUMBER}
_LOG = objects(
    {
        "entries": COUNT,
        **_LAG,
        "durable": YES_OR_NO,
        "held_by": or_null(described(TEXT, "The reader for which old entries are kept.")),
        "held_since": or_null(described(MOMENT, "When the first of these entries was logged.")),
    }
)
_READERS = {"type": "object", "additionalProperties": objects(_LAG)}
_CHECKS = objects(
    {
        "database": _REACHED,
        "redis": _REACHED,
        "log": or_null(_LOG),
        "readers": or_null(_READERS),
        "broadcast": words(("ok", "delayed", "unknown")),
        "dead_letters": or_null(COUNT),
        "conflicts": or_null(COUNT),
    }
)
SCHEMAS: dict[str, Part] = {
    "Health": objects(
        {
            "status": words(("healthy", "degraded", "unhealthy")),
            "version": TEXT,
            "uptime_seconds": {"type": "number", "minimum": 0},
            "checks": _CHECKS,
            "counters": {"type": "object", "additionalProperties": {"type": "integer"}},
        }
    ),
    "Live": objects({"status": {"const": "live"}}),
    "Ready": objects(
        {
            "status": words(("ready", "unavailable", "draining")),
            "checks": objects({"database": _REACHED, "redis": _REACHED}),
        },
        optional=["checks"],
    ),
}
_HEALTHY = {
    "status": "healthy",
    "version": "1.0.0",
    "uptime_seconds": 86400.5,
    "checks": {
        "database": "ok",
        "redis": "ok",
        "log": {
            "entries": 48210,
            "lag_entries": 3,
            "lag_seconds": 0.012,
            "durable": True,
            "held_by": None,
            "held_since": None,
        },
        "readers": {
            "broadcast": {"lag_entries": 0, "lag_seconds": 0.0},
            "history": {"lag_entries": 3, "lag_seconds": 0.012},
        },
        "broadcast": "ok",
        "dead_letters": 0,
        "conflicts": 0,
    },
    "counters": {"sensor_readings_processed": 48210},
}
_UNHEALTHY = {
    **_HEALTHY,
    "status": "unhealthy",
    "checks": {
        "database": "ok",
        "redis": "unavailable",
        "log": None,
        "readers": None,
        "broadcast": "unknown",
        "dead_letters": 0,
        "conflicts": 0,
    },
    "counters": {},
}
_READY = {"status": "ready", "checks": {"database": "ok", "redis": "ok"}}
_AWAY = {"status": "unavailable", "checks": {"database": "ok", "redis": "unavailable"}}


def _operation(name: str, summary: str, description: str, responses: dict[str, Part]) -> Part:
    return {
        "operationId": name,
        "tags": ["Health"],
        "summary": summary,
        "description": description,
        "security": [],
        "parameters": [reference("parameters", "X-Request-ID")],
        "responses": {**responses, **problem_answers(DJANGO)},
    }


def _report(description: str, name: str, **examples: Any) -> Part:
    return answer(description, shape(name), examples)


HEALTH = _operation(
    "get_health",
    "Get the health of the whole platform",
    "For operators and monitoring, within two seconds. Unknown values are null. "
    "`lag_entries` and `lag_seconds` of the log are those of the slowest reader that writes to the "
    "database; `held_by` names a reader that keeps the log from being trimmed.",
    {
        "200": _report("Healthy or degraded.", "Health", healthy=_HEALTHY),
        "503": _report("Unhealthy.", "Health", unhealthy=_UNHEALTHY),
    },
)
LIVE = _operation(
    "get_live",
    "Check whether this process runs",
    "Checks nothing but the process.",
    {"200": _report("The process runs.", "Live", live={"status": "live"})},
)
READY = _operation(
    "get_ready",
    "Check whether this process is ready for requests",
    "Not ready during shutdown, or without Redis or the database.",
    {
        "200": _report("Ready.", "Ready", ready=_READY),
        "503": _report("Not ready.", "Ready", unavailable=_AWAY, draining={"status": "draining"}),
    },
)
