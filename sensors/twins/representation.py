"""JSON of readings and machines; the API, the sockets and the scripts of the pages share it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensors.catalogue.descriptions import MachineDescription
from sensors.messages import LiveReading
from sensors.timestamps import format_us
from sensors.twins.states import MachineState, SensorState, age_seconds, is_stale, machine_state


def reading_json(reading: LiveReading) -> dict[str, Any]:
    """Return a reading of the history or of the feed."""
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
    """Return a sensor's newest reading with its age in seconds and whether it is stale."""
    sensor = machine.sensors.get(reading.sensor_type) if machine else None
    return {
        **reading_json(reading),
        "age_seconds": age_seconds(reading, now_us=now_us),
        "stale": is_stale(reading, sensor, now_us=now_us),
    }


def machine_json(
    machine: MachineDescription, readings: Sequence[LiveReading], *, now_us: int
) -> dict[str, Any]:
    """Return a machine with all its sensors, also those without a reading."""
    return state_json(machine_state(machine, readings, now_us=now_us))


def status_json(
    machine: MachineDescription, newest: Mapping[str, LiveReading], *, now_us: int
) -> dict[str, Any]:
    """Return a machine without its sensors; `newest` is its latest readings by sensor."""
    return _status_json(machine_state(machine, list(newest.values()), now_us=now_us))


def state_json(state: MachineState) -> dict[str, Any]:
    """Return the machine of this state with all its sensors."""
    sensors = [_sensor_json(sensor) for sensor in state.sensors]
    return _status_json(state) | {"sensors": sensors, "alarms": []}


def board_json(state: MachineState) -> dict[str, Any]:
    """Return the part of `state_json` that the plant's script needs: 500 go with its page."""
    return {
        "machine_id": state.machine.machine_id,
        "connectivity": state.connectivity_name,
        "sensors": [_board_sensor_json(sensor) for sensor in state.sensors],
    }


def _board_sensor_json(state: SensorState) -> dict[str, Any]:
    sensor, reading = state.sensor, state.reading
    return {
        "sensor_type": sensor.name,
        "stale_seconds": sensor.stale_seconds,
        "latest": reading
        and {
            "timestamp": format_us(reading.measured_at),
            "received_at": format_us(reading.received_at),
            "value": reading.value,
            "quality": reading.quality.word,
        },
    }


def _status_json(state: MachineState) -> dict[str, Any]:
    machine, seen = state.machine, state.last_seen_at
    return {
        "machine_id": machine.machine_id,
        "name": machine.name,
        "kind": machine.kind,
        "site": machine.site,
        "area": machine.area,
        "line": machine.line,
        "active": machine.active,
        "connectivity": state.connectivity_name,
        "last_seen_at": None if seen is None else format_us(seen),
        "alarms": [],
    }


def _sensor_json(state: SensorState) -> dict[str, Any]:
    sensor, reading = state.sensor, state.reading
    return {
        "sensor_type": sensor.name,
        "unit": sensor.unit,
        "stale_seconds": sensor.stale_seconds,
        "latest": reading
        and {
            **reading_json(reading),
            "age_seconds": state.age_seconds,
            "stale": state.is_stale,
        },
    }
