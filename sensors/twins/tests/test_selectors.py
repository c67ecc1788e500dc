"""Twins: what the database knows, with the live values."""

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sensors.history.tests.rows import NOON, make_reading
from sensors.messages import START, LiveReading
from sensors.models import Machine, Sensor
from sensors.scopes import EVERYTHING
from sensors.store.store import Store
from sensors.store.sync import get_sync_store
from sensors.tests.people import log_readings, make_machine, mark_stored
from sensors.timestamps import SECOND_US
from sensors.twins.selectors import plant, twin

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_log")]


def reading(second: float, value: float = 20.0, machine_id: str = "CNC-001") -> LiveReading:
    sensor = Sensor.objects.get(machine__machine_id=machine_id)
    return make_reading(
        second, value, sensor_id=sensor.pk, machine_id=machine_id, sensor_type="temperature"
    )


def cursor(position: str) -> str:
    return f"{get_sync_store().log_state([]).epoch}.{position}"


def test_twin_with_its_newest_value() -> None:
    make_machine(name="Mill")
    log_readings(reading(1, 20.0), reading(2, 21.5))

    found = twin(EVERYTHING, "CNC-001", NOON + 12 * SECOND_US)

    assert found is not None
    [sensor] = found.state.sensors
    assert sensor.reading is not None
    assert (sensor.reading.value, sensor.age_seconds, sensor.is_stale) == (21.5, 10.0, False)
    assert found.state.connectivity == "online"


def test_twin_of_an_unknown_machine() -> None:
    assert twin(EVERYTHING, "CNC-009", NOON) is None


def test_twin_cursor_is_the_newest_stored_entry() -> None:
    make_machine()
    first = log_readings(reading(1))
    mark_stored(first)
    log_readings(reading(2))
    log_readings(reading(3))

    found = twin(EVERYTHING, "CNC-001", NOON)

    assert found is not None
    assert found.cursor == cursor(first)


def test_twin_cursor_with_entries_of_other_machines() -> None:
    make_machine()
    make_machine("CNC-002")
    own = log_readings(reading(1))
    mark_stored(log_readings(reading(1, machine_id="CNC-002")))

    found = twin(EVERYTHING, "CNC-001", NOON)

    assert found is not None
    assert found.cursor == cursor(own)


def test_twin_cursor_of_a_quiet_machine_begins_at_the_start() -> None:
    make_machine()
    make_machine("CNC-002")
    mark_stored(log_readings(reading(1, machine_id="CNC-002")))

    found = twin(EVERYTHING, "CNC-001", NOON)

    assert found is not None
    assert found.cursor == cursor(START)


def test_twin_has_no_cursor_before_anything_is_stored() -> None:
    make_machine()
    log_readings(reading(1))

    found = twin(EVERYTHING, "CNC-001", NOON)

    assert found is not None
    assert found.cursor is None


@pytest.mark.django_db(transaction=True)
async def test_twin_cursor_misses_nothing(store: Store) -> None:
    await Machine.objects.acreate(machine_id="CNC-001")
    for second in range(3):
        receipt = await store.log.append([make_reading(second)])
        if second == 0:
            await store.progress.mark("history", await store.log.epoch(), receipt.position or "")

    found = await sync_to_async(twin)(EVERYTHING, "CNC-001", NOON)
    assert found is not None
    missed = await store.log.missed("CNC-001", (found.cursor or "").partition(".")[2])

    assert missed.entries is not None
    assert len(missed.entries) == 2


def test_plant_in_the_order_of_site_line_and_id() -> None:
    make_machine("CNC-001", site="B")
    make_machine("CNC-002", site="A", line="2")
    make_machine("CNC-003", site="A", line="1")

    assert [state.machine.machine_id for state in plant(EVERYTHING, NOON)] == [
        "CNC-003",
        "CNC-002",
        "CNC-001",
    ]


def test_plant_same_queries_for_one_and_three_machines() -> None:
    counts = []
    for number in range(1, 4):
        make_machine(f"CNC-00{number}")
        log_readings(reading(number, machine_id=f"CNC-00{number}"))
        with CaptureQueriesContext(connection) as queries:
            plant(EVERYTHING, NOON)
        counts.append(len(queries))

    assert counts == [2, 2, 2]
