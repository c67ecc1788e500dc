"""Histories in steps, and what changed in them, on the database itself."""

import pytest

from sensors.catalogue.descriptions import SensorDescription
from sensors.enums import Quality
from sensors.history.queries.buckets import Bucket, reading_buckets
from sensors.history.queries.changes import Change, reading_changes
from sensors.history.tests.rows import NOON, make_reading, make_sensor, write_at
from sensors.readers import positions
from sensors.timestamps import SECOND_US

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _writer_at_start(db: None) -> None:
    positions.resume("history", "log")


def at(second: float) -> int:
    return NOON + round(second * SECOND_US)


def described(sensor_id: int = 1, stale_seconds: int = 30) -> SensorDescription:
    return SensorDescription(
        id=sensor_id,
        machine_id="CNC-001",
        name=f"sensor_{sensor_id}",
        type_slug=f"sensor_{sensor_id}",
        type_name="",
        unit="Cel",
        minimum=-50,
        maximum=200,
        stale_seconds=stale_seconds,
    )


def test_steps_hold_lowest_highest_and_worst() -> None:
    make_sensor()
    rows = [(1, 20.0, Quality.GOOD), (4, 25.0, Quality.BAD), (12, 22.0, Quality.GOOD)]
    write_at(1, [make_reading(second, value, quality=quality) for second, value, quality in rows])

    found = reading_buckets([1], start=NOON, end=at(60), bucket_us=10 * SECOND_US)

    assert found == {
        1: [
            Bucket(0, at(1), at(4), 20.0, 25.0, Quality.BAD),
            Bucket(1, at(12), at(12), 22.0, 22.0, Quality.GOOD),
        ]
    }


def test_step_without_a_value_has_none() -> None:
    make_sensor()
    write_at(1, [make_reading(1, None, quality=Quality.BAD)])

    [step] = reading_buckets([1], start=NOON, end=at(60), bucket_us=10 * SECOND_US)[1]

    assert (step.low, step.high) == (None, None)


def test_steps_end_before_the_end_and_are_apart_by_sensor() -> None:
    make_sensor(1)
    make_sensor(2)
    write_at(1, [make_reading(1, 1.0), make_reading(60, 2.0), make_reading(5, 3.0, sensor_id=2)])

    found = reading_buckets([1, 2], start=NOON, end=at(60), bucket_us=10 * SECOND_US)

    assert [[step.high for step in steps] for steps in found.values()] == [[1.0], [3.0]]


def test_denser_history_is_summed_up_from_its_newest_rows() -> None:
    make_sensor()
    write_at(1, [make_reading(second, float(second)) for second in range(30)])

    found = reading_buckets([1], start=NOON, end=at(60), bucket_us=10 * SECOND_US, max_rows=5)

    assert [(step.number, step.low, step.high) for step in found[1]] == [(2, 25.0, 29.0)]


def test_no_sensor_has_no_steps() -> None:
    assert reading_buckets([], start=0, end=1, bucket_us=1) == {}


def test_changes_are_silences_and_qualities() -> None:
    make_sensor()
    rows = [(0, Quality.GOOD), (10, Quality.GOOD), (20, Quality.BAD), (90, Quality.BAD)]
    write_at(1, [make_reading(second, quality=quality) for second, quality in rows])
    sensor = described()

    found = reading_changes([sensor], start=NOON, end=at(1000))

    assert found == [
        Change(sensor, at(20), at(90), Quality.BAD, Quality.BAD),
        Change(sensor, at(10), at(20), Quality.GOOD, Quality.BAD),
        Change(sensor, None, at(0), None, Quality.GOOD),
    ]
    assert [change.is_silence for change in found] == [True, False, False]


def test_no_sensor_has_no_changes() -> None:
    assert reading_changes([], start=0, end=1) == []
