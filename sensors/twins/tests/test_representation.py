"""JSON of readings and machines: times, ages and sensors without a reading."""

import pytest

from sensors.enums import Quality
from sensors.history.tests.rows import NOON
from sensors.timestamps import format_us
from sensors.twins.representation import (
    board_json,
    latest_json,
    machine_json,
    reading_json,
    state_json,
    status_json,
)
from sensors.twins.states import machine_state, unknown_state
from sensors.twins.tests.test_states import later, machine, reading, sensor


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


@pytest.mark.parametrize(("now", "stale"), [(9, False), (10, False), (10.1, True)])
def test_latest_is_stale_after_the_sensors_time(now: float, stale: bool) -> None:
    assert latest_json(reading(), machine(), now_us=later(now))["stale"] is stale


@pytest.mark.parametrize(("now", "stale"), [(300, False), (301, True)])
def test_latest_of_an_unknown_sensor_takes_the_default(now: float, stale: bool) -> None:
    assert latest_json(reading(), None, now_us=later(now))["stale"] is stale


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


def test_status_is_the_machine_without_its_sensors() -> None:
    newest = reading(2)

    whole = machine_json(machine(), [newest], now_us=later(4))
    status = status_json(machine(), {"temperature": newest}, now_us=later(4))

    assert status == {name: whole[name] for name in whole if name != "sensors"}


def is_part(part: object, whole: object) -> bool:
    """Whether each field and row of `part` stands with the same value in `whole`."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(is_part(value, whole[name]) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(map(is_part, part, whole)) and len(part) == len(whole)
    return part == whole


def test_board_json_is_a_part_of_the_machine() -> None:
    state = machine_state(
        machine(sensor(), sensor("speed")), [reading(2, value=None)], now_us=later(4)
    )

    assert is_part(board_json(state), state_json(state))


def test_machine_while_redis_does_not_answer_is_unknown() -> None:
    shown = state_json(unknown_state(machine()))

    assert (shown["connectivity"], shown["last_seen_at"]) == ("unknown", None)
    assert [one["latest"] for one in shown["sensors"]] == [None]
