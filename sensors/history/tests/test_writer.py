"""Rows and position in one transaction, on whatever database the suite runs against."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sensors.enums import Quality
from sensors.exceptions import LeaseLost
from sensors.history.tests.rows import (
    TOO_LARGE,
    conflicts,
    kept,
    make_reading,
    make_sensor,
    saved,
    sent,
    write_at,
)
from sensors.history.writer import Written, write
from sensors.messages import START, LiveReading
from sensors.models import ConflictingReading, DeadLetter, ReaderPosition, Reading
from sensors.readers import positions
from sensors.timestamps import parse_rfc3339

pytestmark = pytest.mark.usefixtures("log_begun")


@pytest.fixture
def log_begun(db: None) -> None:
    positions.resume("history", "log")


def test_write_stores_every_field_as_it_came() -> None:
    texts = {
        'a"b\\': "tab\t, line\n, nul\0, \\N, \\.",
        "ö": "日本",
        "n": 1.5,
        "b": True,
        "no": None,
    }
    rows = [
        make_reading(1, 0.1 + 0.2, metadata=texts, late=True),
        make_reading(2, None, quality=Quality.BAD),
        make_reading(3, 5e-324),
        make_reading(4, -1.7976931348623157e308, quality=Quality.UNCERTAIN),
        make_reading(5, sensor_id=2**62, measured_at=parse_rfc3339("2000-01-01T00:00:00Z")),
    ]

    written = write_at(1, rows)

    assert written == Written(stored=5)
    assert kept() == sent(rows)
    first = Reading.objects.get(sensor_id=1, measured_at=rows[0].measured_at)
    assert json.loads(first.metadata) == texts
    assert (first.received_at, first.late) == (rows[0].received_at, True)
    assert Reading.objects.exclude(metadata="").count() == 1


def test_write_moves_the_position_with_the_rows() -> None:
    write_at(1, [make_reading(1)])
    write_at(2, [])

    assert saved() == ("log", "2-0")


def test_write_of_known_rows_counts_repeats() -> None:
    write_at(1, [make_reading(1), make_reading(2, None, quality=Quality.BAD)])

    written = write_at(
        2, [make_reading(2, None, quality=Quality.BAD), make_reading(1), make_reading(3)]
    )

    assert written == Written(stored=1, repeats=2)
    assert len(kept()) == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (make_reading(1, 20.0), make_reading(1, 21.0)),
        (make_reading(1, 20.0), make_reading(1, None, quality=Quality.BAD)),
        (make_reading(1, None, quality=Quality.BAD), make_reading(1, 20.0)),
        (make_reading(1, 20.0), make_reading(1, 20.0, quality=Quality.UNCERTAIN)),
    ],
)
def test_write_of_another_value_keeps_the_first_and_the_conflict(
    first: LiveReading, second: LiveReading
) -> None:
    make_sensor()
    write_at(1, [first])

    written = write_at(2, [second])

    assert written == Written(conflicts=1)
    assert kept() == sent([first])
    conflict = ConflictingReading.objects.get()
    assert (conflict.value, conflict.quality) == (second.value, second.quality)
    assert (conflict.stored_value, conflict.stored_quality) == (first.value, first.quality)
    assert conflict.received_at == second.received_at


def test_write_compares_rows_of_one_call_with_the_first_of_them() -> None:
    make_sensor()

    written = write_at(1, [make_reading(1, 1.0), make_reading(1, 2.0), make_reading(1, 1.0)])

    assert written == Written(stored=1, repeats=1, conflicts=1)
    assert conflicts() == [(make_reading(1).measured_at, 2.0, 1.0)]


def test_write_of_an_hour_told_twice_keeps_twelve_conflicts() -> None:
    """As in NAB's machine temperatures: clocks went back, twelve times came with other values."""
    make_sensor()
    hour = [make_reading(300 * i, 80.0 + i) for i in range(12)]
    again = [make_reading(300 * i, 90.0 + i) for i in range(12)]
    after = [make_reading(3600 + 300 * i, 70.0) for i in range(12)]

    written = write_at(1, [*hour, *again, *after])

    assert written == Written(stored=24, conflicts=12)
    assert kept() == sent([*hour, *after])
    assert conflicts() == [(row.measured_at, row.value, row.value - 10) for row in again]  # type: ignore[operator]


def test_write_of_a_conflict_of_a_deleted_sensor_is_a_dead_letter() -> None:
    write_at(1, [make_reading(1, 1.0, sensor_id=77)])

    written = write_at(2, [make_reading(1, 2.0, sensor_id=77), make_reading(2, sensor_id=77)])

    assert written == Written(stored=1, dead=1)
    assert DeadLetter.objects.get().reason == "1.0 was stored before"


def test_write_from_a_position_that_moved_on_raises_and_stores_nothing() -> None:
    write_at(1, [make_reading(1)])

    with pytest.raises(LeaseLost):
        write(
            [make_reading(2)],
            epoch="log",
            start=START,
            end="5-0",
            dead_letters=[DeadLetter(epoch="log", position="5-0", payload="", reason="")],
        )

    assert (len(kept()), DeadLetter.objects.count(), saved()) == (1, 0, ("log", "1-0"))


def test_write_with_another_epoch_raises() -> None:
    with pytest.raises(LeaseLost):
        write([make_reading(1)], epoch="other", start=START, end="1-0")

    assert kept() == {}


def test_write_of_a_refused_row_raises_and_stores_nothing() -> None:
    with pytest.raises((DataError, OverflowError)):
        write_at(1, [make_reading(1), make_reading(measured_at=TOO_LARGE)])

    assert (kept(), saved()) == ({}, ("log", START))


@pytest.mark.parametrize("bad", [{0}, {4}, {2, 3}, set(range(5))])
def test_write_with_salvage_stores_all_but_what_is_refused(bad: set[int]) -> None:
    good = [make_reading(i) for i in range(5) if i not in bad]
    rows = [
        make_reading(i, metadata={"number": i}, **({"received_at": TOO_LARGE} if i in bad else {}))
        for i in range(5)
    ]

    written = write_at(1, rows, salvage=True)

    assert written == Written(stored=5 - len(bad), dead=len(bad))
    assert kept() == sent(good)
    letters = DeadLetter.objects.order_by("id")
    assert {json.loads(letter.payload)[8]["number"] for letter in letters} == bad
    assert {(letter.position, letter.machine_id) for letter in letters} == {("1-0", "CNC-001")}
    assert all(letter.reason for letter in letters)
    assert saved() == ("log", "1-0")


class Killed(Exception):
    """The process is gone at this statement."""


def killed_at(number: int) -> Callable[..., Any]:
    """Django's execute wrapper: the statement of this number never runs."""
    seen = iter(range(10_000))

    def wrapper(execute: Callable[..., Any], *args: Any) -> Any:
        if next(seen) == number:
            raise Killed
        return execute(*args)

    return wrapper


@pytest.mark.django_db(transaction=True)
def test_write_killed_at_any_statement_leaves_nothing_and_can_be_repeated() -> None:
    make_sensor()
    write_at(1, [make_reading(1, 1.0)])
    rows = [make_reading(1, 2.0), make_reading(2), make_reading(3)]
    letters = [DeadLetter(epoch="log", position="2-0", payload="{", reason="cut")]

    kills = 0
    while True:
        try:
            with connection.execute_wrapper(killed_at(kills)):
                written = write_at(2, rows, dead_letters=[*letters])
        except Killed:
            kills += 1
            assert (len(kept()), conflicts(), DeadLetter.objects.count()) == (1, [], 0)
            assert saved() == ("log", "1-0")
        else:
            break

    assert kills >= 5
    assert written == Written(stored=2, conflicts=1, dead=1)
    assert (len(kept()), len(conflicts()), DeadLetter.objects.count()) == (3, 1, 1)
    assert saved() == ("log", "2-0")


calls = st.lists(
    st.lists(
        st.tuples(
            st.integers(1, 2),
            st.integers(0, 4),
            st.sampled_from([1.0, -0.5, None]),
            st.sampled_from(Quality),
        ),
        max_size=8,
    ),
    min_size=1,
    max_size=4,
)


@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=calls)
def test_write_agrees_with_a_dictionary(
    calls: list[list[tuple[int, int, float | None, Quality]]],
) -> None:
    for model in (Reading, ConflictingReading):
        model.objects.all().delete()
    ReaderPosition.objects.update(position=START)
    for sensor_id in (1, 2):
        make_sensor(sensor_id)
    model_rows: dict[tuple[int, int], tuple[float | None, int]] = {}
    model_conflicts: list[tuple[int, float | None, float | None]] = []

    for number, call in enumerate(calls, start=1):
        expected = Written()
        rows = []
        for sensor_id, second, value, quality in call:
            row = make_reading(second, value, sensor_id=sensor_id, quality=quality)
            rows.append(row)
            mine = (value, quality.value)
            first = model_rows.get((sensor_id, row.measured_at))
            if first is None:
                model_rows[sensor_id, row.measured_at] = mine
                expected += Written(stored=1)
            elif first == mine:
                expected += Written(repeats=1)
            else:
                expected += Written(conflicts=1)
                model_conflicts.append((row.measured_at, value, first[0]))

        assert write_at(number, rows) == expected

    assert kept() == model_rows
    assert conflicts() == model_conflicts
