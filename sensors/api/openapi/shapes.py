"""The shapes of what goes in and out: the schemas of the components."""

from typing import Any

from django.conf import settings

from sensors.api.openapi.parts import (
    COUNT,
    MOMENT,
    NUMBER,
    TEXT,
    YES_OR_NO,
    Part,
    closed,
    described,
    lists,
    objects,
    or_null,
    shape,
    words,
)
from sensors.enums import QUALITY_BY_WORD, Connectivity, Outcome, Quality
from sensors.identifiers import SENSOR_NAME
from sensors.ingest import field_rules
from sensors.units import UNIT_LENGTH

_SENSOR_NAME = described(
    {"type": "string", "pattern": f"^{SENSOR_NAME.pattern}$"},
    "The sensor type, with a dot and a position where a machine has several of the type.",
)
_NO_CONTROL = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_SCALAR: Part = {"type": ["string", "number", "boolean", "null"]}
_TAKEN = (Outcome.ACCEPTED, Outcome.LATE, Outcome.DUPLICATE)


def _machine_id() -> Part:
    pattern = settings.MACHINE_ID_PATTERN.pattern.replace(r"\d", "[0-9]")
    return {"type": "string", "pattern": f"^(?:{pattern})$", "maxLength": 64}


def _metadata() -> Part:
    return {
        "type": "object",
        "maxProperties": field_rules.METADATA_FIELDS,
        "propertyNames": {
            "minLength": 1,
            "maxLength": field_rules.METADATA_NAME_LENGTH,
            "pattern": _NO_CONTROL,
        },
        "description": f"At most {field_rules.METADATA_SIZE} characters as JSON; nested objects "
        "and lists are stored as their JSON text.",
    }


def _sent() -> dict[str, Part]:
    return {
        "machine_id": _machine_id(),
        "sensor_type": _SENSOR_NAME,
        "value": described(or_null(NUMBER), "In `unit`; null only with quality `bad`."),
        "unit": described(
            {"type": "string", "minLength": 1, "maxLength": UNIT_LENGTH},
            "Any known unit of the sensor's dimension; the value is converted.",
            pattern=_NO_CONTROL,
        ),
        "timestamp": described(
            MOMENT,
            "Time of the measurement: RFC 3339 with an offset, from 2000 to "
            f"{settings.MAX_FUTURE_SECONDS} s ahead of the server. Digits beyond microseconds are "
            "cut.",
        ),
        "quality": described(
            words(QUALITY_BY_WORD), "`poor` is returned as `uncertain` on reads.", default="good"
        ),
        "metadata": _metadata(),
    }


def _result() -> Part:
    properties = {
        **_sent(),
        "metadata": {"type": "object", "additionalProperties": _SCALAR},
        "id": described(TEXT, "machine_id, sensor_type and microseconds since 1970."),
        "received_at": MOMENT,
        "processed_at": MOMENT,
        "status": described(
            words(_TAKEN), "`late`: older than the latest, stored. `duplicate`: accepted before."
        ),
        "stored": described({"const": False}, "Only with 202: logged, not yet in the database."),
    }
    return objects(properties, optional=["stored"])


def _error(**more: Part) -> Part:
    properties = {**more, "field": TEXT, "code": TEXT, "detail": TEXT}
    return objects(properties, optional=["index"])


_READING: dict[str, Part] = {
    "id": TEXT,
    "machine_id": TEXT,
    "sensor_type": TEXT,
    "value": or_null(NUMBER),
    "unit": described(TEXT, "The sensor's own unit."),
    "timestamp": MOMENT,
    "quality": words(quality.word for quality in Quality),
    "metadata": {"type": "object", "additionalProperties": _SCALAR},
    "received_at": MOMENT,
    "late": described(YES_OR_NO, "Older than the latest reading on arrival."),
}
_LATEST: dict[str, Part] = {
    **_READING,
    "age_seconds": described(
        {"type": "number", "minimum": 0},
        "Server time minus the earlier of `timestamp` and `received_at`.",
    ),
    "stale": described(YES_OR_NO, "Older than the sensor's stale_seconds."),
}
_STATUS: dict[str, Part] = {
    "machine_id": TEXT,
    **dict.fromkeys(("name", "kind", "site", "area", "line"), TEXT),
    "active": described(YES_OR_NO, "False if the machine is retired."),
    "connectivity": described(
        words(Connectivity),
        "`online`: a sensor is fresh. `stale`: no sensor is fresh. `offline`: no data for 3 times "
        "the longest stale time. `never_seen`: no data yet.",
    ),
    "last_seen_at": or_null(MOMENT),
    "alarms": lists({"type": "object"}),
}
_SENSOR: dict[str, Part] = {
    "sensor_type": TEXT,
    "unit": TEXT,
    "stale_seconds": COUNT,
    "latest": or_null(shape("Latest")),
}
_PROBLEM: dict[str, Part] = {
    "type": described({"type": "string", "format": "uri-reference"}, "`/problems/<code>`"),
    "title": TEXT,
    "status": {"type": "integer"},
    "detail": described(TEXT, "The expected and the received value."),
    "code": described(TEXT, "Stable; that of the first of `errors`."),
    "request_id": described(or_null(TEXT), "As in the header X-Request-ID and in the log."),
    "errors": lists(shape("FieldError"), maxItems=100),
    "error_count": described(COUNT, "The number of all errors; `errors` lists the first 100."),
}
_CREDENTIALS: dict[str, Part] = {
    "username": {"type": "string", "minLength": 1, "maxLength": 150, "pattern": _NO_CONTROL},
    "password": {"type": "string", "minLength": 1, "maxLength": 4096, "format": "password"},
}
_TOKEN_IN: Part = {"type": "string", "minLength": 1, "maxLength": 4096}
_FRESH: dict[str, Part] = {
    "access": TEXT,
    "expires_in": described({"type": "integer", "minimum": 1}, "Seconds."),
}


def _page(items: str) -> Part:
    following = described(
        or_null({"type": "string", "format": "uri"}),
        "Link to the next page; null on the last page.",
    )
    return objects({"results": lists(shape(items)), "next": following})


def schemas() -> dict[str, Any]:
    """Every shape by its name."""
    sent = _sent()
    optional = ["quality", "metadata"]
    many: dict[str, Any] = {"minItems": 1, "maxItems": settings.MAX_BATCH}
    batch = {
        "machine_id": described(_machine_id(), "For readings without a machine_id of their own."),
        "readings": lists(shape("BatchReadingIn"), **many),
    }
    refused = {"index": COUNT, "status": {"const": "refused"}, "errors": lists(shape("FieldError"))}
    return {
        "ReadingIn": closed(sent, optional=optional),
        "BatchReadingIn": closed(sent, optional=[*optional, "machine_id"]),
        "BatchIn": closed(batch, optional=["machine_id"]),
        "Result": _result(),
        "Refused": objects(refused),
        "Reading": objects(_READING),
        "Latest": objects(_LATEST),
        "Sensor": objects(_SENSOR),
        "MachineStatus": objects(_STATUS),
        "Machine": objects({**_STATUS, "sensors": lists(shape("Sensor"))}),
        "MachineLatest": objects(
            {"machine_id": TEXT, "server_time": MOMENT, "readings": lists(shape("Latest"))}
        ),
        "MachinePage": _page("Machine"),
        "ReadingPage": _page("Reading"),
        "Credentials": closed(_CREDENTIALS),
        "Refresh": closed({"refresh": _TOKEN_IN}),
        "FreshToken": objects(_FRESH),
        "Tokens": objects({**_FRESH, "refresh": TEXT}),
        "FieldError": _error(
            index=described(COUNT, "Position of the reading in its batch, from 0.")
        ),
        "Problem": objects(_PROBLEM, optional=["errors", "error_count"]),
    }
