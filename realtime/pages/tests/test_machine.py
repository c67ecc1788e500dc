"""The machine's page beside its values: events, ranges, schematic and last message."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from msgspec.structs import replace

from realtime.pages.machine import clock_sentence, last_message, since_text
from realtime.pages.tests.test_pages import CASES, make_viewer
from realtime.presentation.events import Silence, machine_silences, recent_events
from realtime.presentation.machines import PICTURED, sensor_row, sensor_value
from realtime.presentation.moments import time_text
from realtime.presentation.schematics import POINTS, spots
from realtime.presentation.view_models import SensorValue
from sensors.catalogue.descriptions import MachineDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.enums import Connectivity, Quality
from sensors.history.queries.changes import Change
from sensors.history.tests.rows import NOON, make_reading, make_sensor, write_at
from sensors.history.tests.test_buckets_and_changes import at, described
from sensors.models import ConflictingReading
from sensors.readers import positions
from sensors.scopes import EVERYTHING
from sensors.timestamps import SECOND_US, from_datetime, now_us, parse_rfc3339
from sensors.twins.states import MachineState, SensorState, machine_state, sensor_state

GOOD = Quality.GOOD


def change(before: float | None, after: float, *, sensor: int = 1) -> Change:
    before_at = None if before is None else at(before)
    return Change(described(sensor), before_at, at(after), GOOD, GOOD)


def test_machine_is_silent_while_all_its_sensors_are() -> None:
    changes = [
        change(None, 0),
        change(10, 100),
        change(None, 5, sensor=2),
        change(50, 200, sensor=2),
    ]

    assert machine_silences(changes) == [
        Silence(0, at(0), is_known=False),
        # The first is stale from 40 to 100, the second from 80 to 200.
        Silence(at(80), at(100)),
    ]


def test_silence_of_one_sensor_is_none_of_the_machine() -> None:
    changes = [change(None, 0), change(10, 100), change(None, 0, sensor=2)]

    assert [silence.is_known for silence in machine_silences(changes)] == [False]


@pytest.mark.django_db
def test_events_tell_silence_quality_and_conflict() -> None:
    positions.resume("history", "log")
    sensor = make_sensor()
    sensor.stale_seconds = 30
    sensor.save()
    write_at(
        1,
        [
            make_reading(0),
            make_reading(100),
            make_reading(110, quality=Quality.BAD),
        ],
    )
    ConflictingReading.objects.create(
        sensor=sensor, measured_at=at(0), received_at=at(120), value=9.0, quality=GOOD,
        stored_value=20.0, stored_quality=GOOD,
    )  # fmt: skip
    machine = machine_descriptions(EVERYTHING, "CNC-001")["CNC-001"]

    events, silences = recent_events(machine, at(200))

    assert [(event.at, event.sentence) for event in events] == [
        (
            at(120),
            "Sensor 1: conflicting value 9 for the same time rejected; 20 kept",
        ),
        (at(110), "Sensor 1: quality good → bad"),
        (at(100), "came online"),
        (at(30), "went stale"),
    ]
    assert silences[-1] == Silence(at(30), at(100))


def state_with(*ages: float) -> MachineState:
    """A machine whose only sensor, stale after 30 s, sent readings of these ages."""
    sensor = described()
    machine = MachineDescription(
        pk=1, machine_id="CNC-001", name="", kind="", site="", area="", line="", active=True,
        sensors={sensor.name: sensor},
    )  # fmt: skip
    readings = [make_reading(-age, received_at=at(-age)) for age in ages]
    return machine_state(machine, readings, now_us=NOON)


def test_since_follows_the_readings() -> None:
    known, unknown = Silence(0, at(-60)), Silence(0, at(-600), is_known=False)

    states = [state_with(1), state_with(50), state_with(150), state_with()]

    assert [state.connectivity for state in states] == list(Connectivity)
    assert since_text(states[0], [known], NOON) == "since 11:59:00"
    assert since_text(states[0], [unknown], NOON) == "since at least 11:50:00"
    assert since_text(states[1], [], NOON) == "since 11:59:40"
    assert since_text(states[2], [], NOON) == "since 11:59:00"
    assert since_text(states[3], [], NOON) == ""


def test_since_names_the_day_unless_it_is_today() -> None:
    yesterday = from_datetime(datetime(2026, 11, 22, 8, tzinfo=UTC))

    assert since_text(state_with(1), [Silence(0, yesterday)], NOON) == "since 2026-11-22 08:00:00"


def test_range_mark_stays_in_the_bar() -> None:
    readings = [make_reading(value=value) for value in (-99, 75, 500)]

    rows = [sensor_row(sensor_state(described(), reading, now_us=NOON)) for reading in readings]

    assert [row.mark for row in rows] == [0, 49.25, 98.5]


def test_clock_is_told_as_it_was_seen() -> None:
    assert clock_sentence(2.5) == "3 s ahead of the server"
    assert clock_sentence(-0.003) == clock_sentence(0.003) == "in sync (3 ms)"
    assert clock_sentence(-4000.001) == "Measured 1 h 7 min before it arrived"


def test_moment_names_the_day_unless_it_is_today(settings: Any) -> None:
    for moment, now, zone, words in CASES["moments"]:
        settings.TIME_ZONE = zone
        assert time_text(parse_rfc3339(moment), now_us=parse_rfc3339(now)) == words


def test_last_message_without_a_reading_is_none() -> None:
    assert last_message([SensorState(described())], NOON) is None


def test_last_message_is_the_reading_that_arrived_last() -> None:
    older, newer = make_reading(-1, 20.0), make_reading(-5, 21.0, received_at=NOON)

    states = [sensor_state(described(), reading, now_us=NOON) for reading in (older, newer)]
    message = last_message(states, NOON)

    assert message is not None
    assert (message.number, message.measured, message.received) == ("21", "11:59:55", "12:00:00")


def values_named(*names: str) -> list[SensorValue]:
    return [sensor_value(SensorState(replace(described(), name=name))) for name in names]


@pytest.mark.parametrize("picture", sorted(PICTURED | {"machine"}))
def test_spots_have_labels_that_do_not_touch(picture: str) -> None:
    names = [*POINTS.get(picture, {}), "flow", "voltage"]

    placed = spots(picture, values_named(*names))

    assert sorted(spot.sensor.sensor_type for spot in placed) == sorted(names)
    for side in (True, False):
        rows = [spot.label_y for spot in placed if spot.is_left is side]
        assert all(after - before >= 49 for before, after in pairwise(rows))


def test_label_in_the_picture_has_a_line_for_where_it_sits() -> None:
    placed = spots("pump", values_named("vibration.drive_end", "temperature"))

    assert {spot.label_lines for spot in placed} == {
        ("Vibration", "drive end"),
        ("Temperature",),
    }


@pytest.mark.django_db
def test_summary_gives_the_steps_of_a_sensor(client: Client) -> None:
    make_sensor()
    client.force_login(make_viewer())
    positions.resume("history", "log")
    now = now_us()
    write_at(1, [make_reading(0, 21.0, measured_at=now - 60 * SECOND_US)])

    answer = client.get("/machines/CNC-001/summary?sensor=sensor_1&minutes=60")

    [step] = answer.json()["steps"]
    assert (step["low"], step["high"], step["quality"]) == (21.0, 21.0, "good")
    assert answer.json()["step_seconds"] == 10


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["sensor=sensor_9&minutes=60", "sensor=sensor_1&minutes=61", "sensor=sensor_1", ""]
)
def test_summary_of_what_there_is_not_is_404(client: Client, query: str) -> None:
    make_sensor()
    client.force_login(make_viewer())

    assert client.get(f"/machines/CNC-001/summary?{query}").status_code == 404


@pytest.mark.django_db
def test_sparks_give_steps_by_row(client: Client) -> None:
    make_sensor()
    client.force_login(make_viewer())
    positions.resume("history", "log")
    write_at(1, [make_reading(0, 21.0, measured_at=now_us() - 60 * SECOND_US)])

    answer = client.get("/sparks", {"row": ["CNC-001/sensor_1", "CNC-001/other", "NO/thing", "x"]})

    [(row, steps)] = answer.json()["rows"].items()
    assert row == "CNC-001/sensor_1"
    assert [step[1:] for step in steps] == [[21.0, 21.0]]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/sparks", "/machines/CNC-001/summary"])
def test_data_of_the_pages_needs_a_role(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302
