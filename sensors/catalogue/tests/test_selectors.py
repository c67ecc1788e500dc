"""Machines and readings out of the database."""

import gc
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sensors.access.device_keys import create_device_key
from sensors.catalogue.selectors import catalogue_snapshot, machine_descriptions, machines_after
from sensors.history.queries.readings import PageCursor, reading_history, sensors_named
from sensors.history.tests.rows import NOON, make_reading, write_at
from sensors.messages import LiveReading
from sensors.models import Machine, Sensor
from sensors.readers import positions
from sensors.scopes import EVERYTHING
from sensors.tests.people import make_machine
from sensors.timestamps import SECOND_US

pytestmark = pytest.mark.django_db

Row = tuple[str, int]  # sensor, second after noon
YEAR = 365 * 86_400


@pytest.fixture(autouse=True)
def _at_the_start(db: None) -> None:
    positions.resume("history", "log")


def keep(seconds: list[float], *, sensor: Sensor, number: int = 1) -> None:
    rows = [make_reading(second, float(second), sensor_id=sensor.pk) for second in seconds]
    write_at(number, rows)


def shown(readings: list[LiveReading]) -> list[Row]:
    return [(one.sensor_type, round((one.measured_at - NOON) / SECOND_US)) for one in readings]


def history(**options: Any) -> list[Row]:
    found = reading_history(Sensor.objects.all(), now_us=NOON + 60 * SECOND_US, **options)
    return shown(found.readings)


def test_history_newest_first_of_all_sensors() -> None:
    machine = make_machine("CNC-001", "temperature", "vibration.drive_end")
    temperature, vibration = machine.sensors.order_by("pk")
    keep([1, 3], sensor=temperature)
    keep([2, 4], sensor=vibration, number=2)

    rows = history()

    assert rows == [
        ("vibration.drive_end", 4),
        ("temperature", 3),
        ("vibration.drive_end", 2),
        ("temperature", 1),
    ]


def test_history_between_start_and_end() -> None:
    keep([1, 2, 3, 4], sensor=make_machine().sensors.get())

    rows = history(start=NOON + 2 * SECOND_US, end=NOON + 4 * SECOND_US)

    assert rows == [("temperature", 3), ("temperature", 2)]


def test_history_pages_join_without_gap_or_repeat() -> None:
    machine = make_machine("CNC-001", "temperature", "humidity", "pressure")
    for number, sensor in enumerate(machine.sensors.order_by("pk"), start=1):
        keep([0, 1, 1.5, 2], sensor=sensor, number=number)
    everything = history()

    joined: list[Row] = []
    place: PageCursor | None = None
    while True:
        page = reading_history(Sensor.objects.all(), now_us=NOON, limit=5, after=place)
        joined += shown(page.readings)
        place = page.next
        if place is None:
            break

    assert joined == everything
    assert len(joined) == 12


def test_history_of_long_ago_is_found() -> None:
    keep([-YEAR, 0], sensor=make_machine().sensors.get())

    rows = history()

    assert rows == [("temperature", 0), ("temperature", -YEAR)]


def test_history_values_as_they_were_kept() -> None:
    sensor = make_machine().sensors.get()
    sent = make_reading(
        1, None, sensor_id=sensor.pk, sensor_type="temperature", metadata={"a": 1}, late=True
    )
    write_at(1, [sent])

    [found] = reading_history(Sensor.objects.all(), now_us=NOON).readings

    assert found == sent


@pytest.mark.parametrize(
    ("machine_id", "sensor_type", "expected"),
    [
        ("", "", 4),
        ("CNC-001", "", 2),
        ("", "temperature", 2),
        ("CNC-001", "vibration.drive_end", 1),
        ("CNC-001", "vibration", 0),
        ("CNC-009", "", 0),
    ],
)
def test_sensors_named(machine_id: str, sensor_type: str, expected: int) -> None:
    for name in ("CNC-001", "CNC-002"):
        make_machine(name, "temperature", "vibration.drive_end")

    assert sensors_named(EVERYTHING, machine_id, sensor_type).count() == expected


def test_history_same_queries_for_one_and_three_machines() -> None:
    counts = []
    for number in range(1, 4):
        keep(
            [number, number + 0.5],
            sensor=make_machine(f"CNC-00{number}").sensors.get(),
            number=number,
        )
        with CaptureQueriesContext(connection) as queries:
            history(limit=1)
        counts.append(len(queries))

    assert counts == [3, 3, 3]


def test_history_of_many_sensors_reads_only_those_on_the_page() -> None:
    machine = make_machine("CNC-001", *(f"temperature.p{number}" for number in range(130)))
    sensors = list(machine.sensors.order_by("pk"))
    rows = [make_reading(at, sensor_id=sensor.pk) for at, sensor in enumerate(sensors)]
    write_at(1, rows)

    assert [second for _, second in history(limit=3)] == [129, 128, 127]
    assert [second for _, second in history(limit=200)] == list(range(129, -1, -1))


def test_machines_after_in_the_order_of_their_ids() -> None:
    for number in (3, 1, 2):
        make_machine(f"CNC-00{number}")

    found = machines_after(EVERYTHING, "CNC-001", limit=5)

    assert [machine.machine_id for machine in found] == ["CNC-002", "CNC-003"]


def test_machine_descriptions_same_queries_for_one_and_three() -> None:
    counts = []
    for number in range(1, 4):
        make_machine(f"CNC-00{number}", "temperature", "pressure")
        with CaptureQueriesContext(connection) as queries:
            machine_descriptions(EVERYTHING)
        counts.append(len(queries))

    assert counts == [2, 2, 2]


def test_machine_description_takes_the_sensors_own_range() -> None:
    make_machine()
    Sensor.objects.update(minimum=-5, stale_seconds=7)

    sensor = machine_descriptions(EVERYTHING, "CNC-001")["CNC-001"].sensors["temperature"]

    assert (sensor.minimum, sensor.maximum, sensor.stale_seconds) == (-5, 200, 7)
    assert Machine.objects.count() == 1


def test_catalogue_leaves_nothing_to_the_collector() -> None:
    """It comes rarely (digitaltwin/server.py), and all is read anew every half minute."""
    for number in range(1, 4):
        machine = make_machine(f"CNC-00{number}", "temperature", "vibration.drive_end")
        create_device_key(name=machine.machine_id, machines=[machine])
    catalogue_snapshot()
    gc.collect()
    gc.disable()

    try:
        found = catalogue_snapshot()
        left = gc.collect()
    finally:
        gc.enable()

    assert len(found.machines) == len(found.keys) == 3
    assert left == 0
