"""Ages, staleness and connectivity as they go out."""

from typing import Any

import pytest

from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.enums import Quality
from sensors.history.tests.rows import NOON, make_reading
from sensors.messages import LiveReading
from sensors.timestamps import SECOND_US, format_us
from sensors.twins.representation import (
    age_seconds,
    connectivity,
    latest_json,
    machine_json,
    reading_json,
)


def sensor(name: str = "temperature", stale_seconds: int = 10) -> SensorDescription:
    return SensorDescription(
        id=1,
        machine_id="CNC-001",
        name=name,
        type_slug="temperature",
        type_name="Temperature",
        unit="Cel",
        minimum=-50,
        maximum=200,
        stale_seconds=stale_seconds,
    )


def machine(*sensors: SensorDescription) -> MachineDescription:
    return MachineDescription(
        pk=1,
        machine_id="CNC-001",
        name="Mill",
        kind="mill",
        site="S",
        area="A",
        line="L",
        active=True,
        sensors={one.name: one for one in sensors or (sensor(),)},
    )


def reading(second: float = 0, name: str = "temperature", **changes: Any) -> LiveReading:
    return make_reading(second, sensor_type=name, **changes)


def later(seconds: float) -> int:
    return NOON + round(seconds * SECOND_US)


def test_reading_json_in_utc_with_six_digits() -> None:
    shown = reading_json(reading(0.25, value=None, quality=Quality.BAD, metadata={"a": 1}))

    assert shown == {
        "id": f"CNC-001_temperature_{NOON + 250_000}",
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": None,
        "unit": "Cel",
        "timestamp": "2026-11-23T12:00:00.250000Z",
        "quality": "bad",
        "metadata": {"a": 1},
        "received_at": "2026-11-23T12:00:00.750000Z",
        "late": False,
    }


@pytest.mark.parametrize(
    ("measured", "received", "now", "age"),
    [(0, 1, 10, 10.0), (60, 1, 10, 9.0), (60, 55, 10, 0.0), (0, 0, 0.5, 0.5)],
)
def test_age_since_measured_or_received(
    measured: float, received: float, now: float, age: float
) -> None:
    found = reading(measured_at=later(measured), received_at=later(received))

    assert age_seconds(found, now_us=later(now)) == age


@pytest.mark.parametrize(("now", "stale"), [(9, False), (10, False), (10.1, True)])
def test_latest_is_stale_after_the_sensors_time(now: float, stale: bool) -> None:
    assert latest_json(reading(), machine(), now_us=later(now))["stale"] is stale


@pytest.mark.parametrize(("now", "stale"), [(300, False), (301, True)])
def test_latest_of_an_unknown_sensor_takes_the_default(now: float, stale: bool) -> None:
    assert latest_json(reading(), None, now_us=later(now))["stale"] is stale


@pytest.mark.parametrize(
    ("now", "expected"), [(1, "online"), (10.1, "stale"), (30, "stale"), (30.1, "offline")]
)
def test_connectivity_by_age(now: float, expected: str) -> None:
    assert connectivity(machine(), {"temperature": reading()}, now_us=later(now)) == expected


def test_connectivity_of_a_machine_never_heard() -> None:
    assert connectivity(machine(), {}, now_us=NOON) == "never_seen"


def test_connectivity_one_fresh_sensor_is_enough() -> None:
    both = machine(sensor(), sensor("speed"))
    newest = {"temperature": reading(), "speed": reading(95, "speed")}

    assert connectivity(both, newest, now_us=later(100)) == "online"


def test_connectivity_waits_for_the_longest_stale_time() -> None:
    both = machine(sensor(), sensor("speed", stale_seconds=100))

    assert connectivity(both, {"temperature": reading()}, now_us=later(290)) == "stale"


def test_machine_json_with_a_sensor_never_heard() -> None:
    both = machine(sensor(), sensor("speed", stale_seconds=5))

    shown = machine_json(both, [reading(2)], now_us=later(4))

    assert shown["last_seen_at"] == format_us(later(2))
    assert shown["sensors"][1] == {
        "sensor_type": "speed",
        "unit": "Cel",
        "stale_seconds": 5,
        "latest": None,
    }
    assert shown["sensors"][0]["latest"]["age_seconds"] == 2.0
