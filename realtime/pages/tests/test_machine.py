"""What a machine's page tells beside its values, out of stored readings."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from realtime.pages.machine import clock_sentence, range_of, said_last, since_text, time_text
from realtime.pages.tests.test_pages import CASES, make_viewer
from realtime.presentation.events import Silence, machine_silences, recent_events
from realtime.presentation.schematics import PLACES, spots
from realtime.presentation.texts import sensor_label
from realtime.presentation.view_models import PICTURED
from sensors.catalogue.selectors import machine_descriptions
from sensors.enums import Quality
from sensors.history.queries.changes import Change
from sensors.history.tests.rows import NOON, make_reading, make_sensor, write_at
from sensors.history.tests.test_buckets_and_changes import at, described
from sensors.models import ConflictingReading
from sensors.readers import positions
from sensors.timestamps import SECOND_US, format_us, from_datetime, now_us, parse_rfc3339

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
    positions.resume("log")
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
    machine = machine_descriptions("CNC-001")["CNC-001"]

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


def machine_json(connectivity: str, age: float, stale_seconds: int = 30) -> dict[str, object]:
    stamp = format_us(NOON - round(age * SECOND_US))
    latest = {"timestamp": stamp, "received_at": stamp}
    sensors = [{"latest": latest, "stale_seconds": stale_seconds}]
    return {"connectivity": connectivity, "sensors": sensors}


def test_since_is_what_the_readings_say() -> None:
    known, unknown = Silence(0, at(-60)), Silence(0, at(-600), is_known=False)

    assert since_text(machine_json("online", 1), [known], NOON) == "since 11:59:00"
    assert since_text(machine_json("online", 1), [unknown], NOON) == "since at least 11:50:00"
    assert since_text(machine_json("stale", 50), [], NOON) == "since 11:59:40"
    assert since_text(machine_json("offline", 150), [], NOON) == "since 11:59:00"
    assert since_text({"connectivity": "never_seen", "sensors": []}, [], NOON) == ""


def test_since_names_the_day_unless_it_is_today() -> None:
    yesterday = from_datetime(datetime(2026, 11, 22, 8, tzinfo=UTC))

    assert (
        since_text(machine_json("online", 1), [Silence(0, yesterday)], NOON)
        == "since 2026-11-22 08:00:00"
    )


def test_range_mark_stays_in_the_bar() -> None:
    marks = [
        range_of({"latest": {"value": value}}, described())["mark"] for value in (-99, 75, 500)
    ]

    assert marks == [0, 49.25, 98.5]


def test_clock_is_told_as_it_was_seen() -> None:
    assert clock_sentence(2.5) == "3 s ahead of the server"
    assert clock_sentence(-0.003) == clock_sentence(0.003) == "in sync (3 ms)"
    assert clock_sentence(-4000.001) == "Measured 1 h 7 min before it arrived"


def test_moment_names_the_day_unless_it_is_today(settings: Any) -> None:
    for moment, now, zone, words in CASES["moments"]:
        settings.TIME_ZONE = zone
        assert time_text(parse_rfc3339(moment), now_us=parse_rfc3339(now)) == words


def test_nothing_said_is_none() -> None:
    assert said_last([{"latest": None}], NOON) is None


@pytest.mark.parametrize("picture", sorted(PICTURED | {"machine"}))
def test_spots_have_labels_that_do_not_touch(picture: str) -> None:
    names = [*PLACES.get(picture, {}), "flow", "voltage"]

    found = spots(picture, [{"sensor_type": name, "label": sensor_label(name)} for name in names])

    assert sorted(spot["sensor_type"] for spot in found) == sorted(names)
    for side in (True, False):
        rows = [spot["label_y"] for spot in found if spot["is_left"] is side]
        assert all(after - before >= 49 for before, after in pairwise(rows))


def test_label_in_the_picture_has_a_line_for_where_it_sits() -> None:
    names = ("vibration.drive_end", "temperature")

    found = spots("pump", [{"sensor_type": name, "label": sensor_label(name)} for name in names])

    assert {tuple(spot["label_lines"]) for spot in found} == {
        ("Vibration", "drive end"),
        ("Temperature",),
    }


@pytest.mark.django_db
def test_summary_gives_the_steps_of_a_sensor(client: Client) -> None:
    make_sensor()
    client.force_login(make_viewer())
    positions.resume("log")
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
    positions.resume("log")
    write_at(1, [make_reading(0, 21.0, measured_at=now_us() - 60 * SECOND_US)])

    answer = client.get("/sparks", {"row": ["CNC-001/sensor_1", "CNC-001/other", "NO/thing", "x"]})

    [(row, steps)] = answer.json()["rows"].items()
    assert row == "CNC-001/sensor_1"
    assert [step[1:] for step in steps] == [[21.0, 21.0]]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/sparks", "/machines/CNC-001/summary"])
def test_data_of_the_pages_needs_a_role(client: Client, path: str) -> None:
    assert client.get(path).status_code == 302
