"""Readings and machines as they go out: API, sockets and pages show the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.enums import Connectivity
from sensors.messages import LiveReading
from sensors.timestamps import SECOND_US, format_us

# A machine is offline when nothing was heard for so many times its longest stale time.
OFFLINE_FACTOR = 3


def reading_json(reading: LiveReading) -> dict[str, Any]:
    return {
        "id": reading.id,
        "machine_id": reading.machine_id,
        "sensor_type": reading.sensor_type,
        "value": reading.value,
        "unit": reading.unit,
        "timestamp": format_us(reading.measured_at),
        "quality": reading.quality.word,
        "metadata": reading.metadata,
        "received_at": format_us(reading.received_at),
        "late": reading.late,
    }


def latest_json(
    reading: LiveReading, machine: MachineDescription | None, *, now_us: int
) -> dict[str, Any]:
    """A sensor's newest reading with its age in seconds at `now_us`, and whether it is stale."""
    sensor = machine.sensors.get(reading.sensor_type) if machine else None
    return {
        **reading_json(reading),
        "age_seconds": age_seconds(reading, now_us=now_us),
        "stale": is_stale(reading, sensor, now_us=now_us),
    }


def machine_json(
    machine: MachineDescription, readings: Sequence[LiveReading], *, now_us: int
) -> dict[str, Any]:
    """A machine with all its sensors, those without a reading too."""
    newest = {reading.sensor_type: reading for reading in readings}
    sensors = [
        {
            "sensor_type": name,
            "unit": sensor.unit,
            "stale_seconds": sensor.stale_seconds,
            "latest": latest_json(newest[name], machine, now_us=now_us) if name in newest else None,
        }
        for name, sensor in machine.sensors.items()
    ]
    return status_json(machine, newest, now_us=now_us) | {"sensors": sensors, "alarms": []}


def status_json(
    machine: MachineDescription, newest: Mapping[str, LiveReading], *, now_us: int
) -> dict[str, Any]:
    """A machine without its sensors; `newest` is its latest readings by sensor."""
    heard = max((reading.effective_at for reading in newest.values()), default=None)
    return {
        "machine_id": machine.machine_id,
        "name": machine.name,
        "kind": machine.kind,
        "site": machine.site,
        "area": machine.area,
        "line": machine.line,
        "active": machine.active,
        "connectivity": connectivity(machine, newest, now_us=now_us).value,
        "last_seen_at": None if heard is None else format_us(heard),
        "alarms": [],
    }


def connectivity(
    machine: MachineDescription, newest: Mapping[str, LiveReading], *, now_us: int
) -> Connectivity:
    """Online while a sensor is fresh; offline when none was heard for long."""
    if not newest:
        return Connectivity.NEVER_SEEN
    if any(
        not is_stale(one, machine.sensors.get(name), now_us=now_us) for name, one in newest.items()
    ):
        return Connectivity.ONLINE
    longest = max(
        (sensor.stale_seconds for sensor in machine.sensors.values()),
        default=settings.DEFAULT_STALE_SECONDS,
    )
    youngest = min(age_seconds(reading, now_us=now_us) for reading in newest.values())
    return Connectivity.OFFLINE if youngest > OFFLINE_FACTOR * longest else Connectivity.STALE


def age_seconds(reading: LiveReading, *, now_us: int) -> float:
    """Seconds since it was measured, or received if that was earlier; never negative."""
    return max(0, now_us - reading.effective_at) / SECOND_US


def is_stale(reading: LiveReading, sensor: SensorDescription | None, *, now_us: int) -> bool:
    limit = sensor.stale_seconds if sensor else settings.DEFAULT_STALE_SECONDS
    return age_seconds(reading, now_us=now_us) > limit
