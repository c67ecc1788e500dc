"""The months of the reading table on PostgreSQL."""

from datetime import datetime

import pytest
from django.db import connection

from sensors.history import partitions
from sensors.history.tests.rows import NOON, TOO_LARGE, kept, make_reading, write_at
from sensors.history.writer import Written
from sensors.models import DeadLetter
from sensors.readers import positions
from sensors.timestamps import SECOND_US, parse_rfc3339


@pytest.fixture
def log_begun(db: None) -> None:
    positions.resume("history", "log")


def test_months_are_made_from_2000_to_the_one_after_now() -> None:
    # Readings may be 300 s ahead, so "now" reaches into December already.
    now = parse_rfc3339("2026-11-30T23:58:00Z")
    times = [
        "1999-12-31T23:59:59.999999Z",
        "2000-01-01T00:00:00Z",
        "2024-02-29T12:00:00Z",
        "2026-11-30T23:59:59Z",
        "2026-12-01T00:00:00Z",
        "2027-01-31T23:59:59Z",
        "2027-02-01T00:00:00Z",
    ]

    made = partitions.months([*map(parse_rfc3339, times), TOO_LARGE, -TOO_LARGE], now_us=now)

    months = [(2000, 1), (2024, 2), (2026, 11), (2026, 12), (2027, 1)]
    assert made == {datetime(*month, 1) for month in months}  # noqa: DTZ001


def test_bounds_of_a_month_meet_those_of_the_next() -> None:
    december, january = datetime(2026, 12, 1), datetime(2027, 1, 1)  # noqa: DTZ001

    assert partitions.bounds(december)[1] == partitions.bounds(january)[0]
    assert partitions.bounds(december) == (
        parse_rfc3339("2026-12-01T00:00:00Z"),
        parse_rfc3339("2027-01-01T00:00:00Z"),
    )


def partition_names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'sensors_reading'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.on_postgresql
@pytest.mark.usefixtures("log_begun")
def test_write_makes_the_months_it_needs() -> None:
    old = [make_reading(measured_at=parse_rfc3339(f"20{y:02}-07-01T00:00:00Z")) for y in range(20)]

    write_at(1, [make_reading(1), *old])

    assert {f"sensors_reading_20{y:02}_07" for y in range(20)} < partition_names()
    assert len(kept()) == 21


@pytest.mark.on_postgresql
@pytest.mark.usefixtures("log_begun")
def test_write_of_a_month_without_a_partition_is_a_dead_letter() -> None:
    too_late = make_reading(measured_at=NOON + 400 * 86_400 * SECOND_US)

    written = write_at(1, [too_late, make_reading(1)], salvage=True)

    assert written == Written(stored=1, dead=1)
    assert "no partition" in DeadLetter.objects.get().reason


@pytest.mark.on_postgresql
@pytest.mark.django_db(transaction=True)
def test_write_locks_no_reader_out_while_it_makes_a_month() -> None:
    positions.resume("history", "log")
    write_at(1, [make_reading(1)])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM sensors_reading")

            write_at(2, [make_reading(measured_at=parse_rfc3339("2003-05-01T00:00:00Z"))])

            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert "sensors_reading_2003_05" in partition_names()
