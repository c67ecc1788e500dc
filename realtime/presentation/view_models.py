"""Machines and sensors with the words and figures that the templates print."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _

from realtime.presentation import board, texts
from sensors.timestamps import to_datetime

Shown = dict[str, Any]
# The kinds that have a picture (static/icons/kinds.svg); all others share one.
PICTURED = {"machining-centre", "mill", "lathe", "robot", "press", "pump"}
# The quantities that are looked at first, on a tile and on a machine's page.
FIRST = ("temperature", "vibration", "speed", "pressure", "current", "flow")


def local(us: int) -> datetime:
    """The moment (microseconds since 1970 UTC) in the plant's time zone."""
    return to_datetime(us).astimezone(ZoneInfo(settings.TIME_ZONE))


def shown_machine(machine: Shown) -> Shown:
    """A copy of the machine for the templates: its words, and how soon it needs someone."""
    sensors = [shown_sensor(sensor, machine["machine_id"]) for sensor in machine["sensors"]]
    worst = texts.worst_quality(sensors)
    some_stale = any(sensor["stale"] for sensor in sensors)
    place = [machine[part] for part in ("site", "area", "line")]
    return machine | {
        "sensors": sorted(sensors, key=who_matters),
        "worst": worst,
        "quality_note": texts.quality_note(sensors, worst),
        "urgency": texts.urgency(machine["connectivity"], worst, some_stale=some_stale),
        "connectivity_word": str(texts.CONNECTIVITY[machine["connectivity"]]),
        "place": " / ".join(part for part in place if part),
        "seen": seen_text(min((s["age"] for s in sensors if s["latest"]), default=None)),
        "icon": picture(machine["kind"]),
        "search": board.search_text(machine),
    }


def seen_text(age: float | None) -> str:
    return "–" if age is None else _("{age} ago").format(age=texts.age_text(age))


def who_matters(sensor: Shown) -> tuple[int, str]:
    quantity = sensor["sensor_type"].partition(".")[0]
    place = FIRST.index(quantity) if quantity in FIRST else len(FIRST)
    return place, sensor["sensor_type"]


def picture(kind: str) -> str:
    """The name of the kind's icon and schematic."""
    name = slugify(kind)
    return name if name in PICTURED else "machine"


def shown_sensor(sensor: Shown, machine_id: str) -> Shown:
    latest = sensor["latest"]
    value = latest["value"] if latest else None
    quality = latest["quality"] if latest else "none"
    return sensor | {
        "machine_id": machine_id,
        "label": texts.sensor_label(sensor["sensor_type"]),
        "sign": texts.unit_sign(sensor["unit"]),
        "number": texts.number_text(value),
        "full": texts.full_text(value),
        "full_number": texts.decimal(texts.full_text(value)),
        "quality": quality,
        "quality_word": str(texts.QUALITIES[quality]),
        "stale": bool(latest and latest["stale"]),
        "clock_word": texts.clock_word(latest),
        "age": latest["age_seconds"] if latest else None,
        "age_text": texts.age_text(latest["age_seconds"] if latest else None),
    }
