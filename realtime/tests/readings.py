"""Readings and entries for the tests of what is shown."""

from typing import Any

import msgspec

from sensors.enums import Quality
from sensors.messages import LiveReading, LogEntry, pack
from sensors.timestamps import now_us


def make_reading(value: float = 20.0, **changes: Any) -> LiveReading:
    """One reading measured and received now."""
    now = now_us()
    fields: dict[str, Any] = {
        "machine_id": "CNC-001",
        "sensor_id": 1,
        "sensor_type": "temperature",
        "unit": "Cel",
        "measured_at": now,
        "received_at": now,
        "value": value,
        "quality": Quality.GOOD,
        "metadata": {},
    }
    return LiveReading(**(fields | changes))


def make_entry(position: str, *readings: LiveReading, previous: str, **changes: Any) -> LogEntry:
    fields: dict[str, Any] = {
        "kind": "readings",
        "machine_id": "CNC-001",
        "count": len(readings),
        "payload": b"[" + b",".join(pack(reading) for reading in readings) + b"]",
    }
    return LogEntry(position=position, previous=previous, **(fields | changes))


def values_in(text: str) -> list[float]:
    """The values of a message's readings, in order."""
    return [reading["value"] for reading in msgspec.json.decode(text)["data"]["readings"]]
