"""Ages, staleness and connectivity of machines and sensors."""

from typing import Any

import pytest

from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.enums import Connectivity
from sensors.history.tests.rows import NOON, make_reading
from sensors.messages import LiveReading
from sensors.timestamps import SECOND_US
from sensors.twins.states import SensorState, age_seconds, connectivity, machine_state


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


@pytest.mark.parametrize(
    ("measured", "received", "now", "age"),
    [(0, 1, 10, 10.0), (60, 1, 10, 9.0), (60, 55, 10, 0.0), (0, 0, 0.5, 0.5)],
)
def test_age_since_measured_or_received(
    measured: float, received: float, now: float, age: float
) -> None:
    found = reading(measured_at=later(measured), received_at=later(received))

    assert age_seconds(found, now_us=later(now)) == age


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


def test_state_of_a_machine_with_a_sensor_never_heard() -> None:
    both, newest = machine(sensor(), sensor("speed")), reading(2)

    state = machine_state(both, [newest], now_us=later(13))

    assert state.sensors == (
        SensorState(sensor(), newest, age_seconds=11.0, is_stale=True),
        SensorState(sensor("speed")),
    )
    assert (state.connectivity, state.last_seen_at) == (Connectivity.STALE, later(2))


def test_reading_of_a_removed_sensor_counts_for_connectivity_alone() -> None:
    state = machine_state(machine(), [reading(2, "speed")], now_us=later(4))

    assert state.sensors == (SensorState(sensor()),)
    assert (state.connectivity, state.last_seen_at) == (Connectivity.ONLINE, later(2))
