"""The months of the reading table on PostgreSQL, made before their first row."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from sensors.timestamps import DAY_US, NAIVE_UNIX_EPOCH, SECOND_US, now_us

_LONGEST_MONTH = timedelta(days=31)
FIRST_MONTH = datetime(2000, 1, 1)  # noqa: DTZ001 - times inside are UTC
# Any fixed number: a process holds this advisory lock while it makes partitions.
_LOCK = 4_720_051
_EXISTING = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'sensors_reading'::regclass"
)
_made: set[datetime] = set()


def make_missing(times: Iterable[int]) -> None:
    """Make the partitions that these measured times (microseconds) need.

    From 2000-01 to the month after that of now + MAX_FUTURE_SECONDS; a row outside has no
    partition, and the database refuses it.
    """
    if connection.vendor == "postgresql":
        missing = months(times, now_us=now_us()) - _made
        if missing:
            _make(sorted(missing))


def forget() -> None:
    """Forget the partitions made: an administrator may have dropped some."""
    _made.clear()


def months(times: Iterable[int], *, now_us: int) -> set[datetime]:
    """Return the first moments of the months of these times, as far as partitions are made."""
    first = (FIRST_MONTH - NAIVE_UNIX_EPOCH).days
    latest = now_us + settings.MAX_FUTURE_SECONDS * SECOND_US
    end = _next_month(_next_month(_month_of_day(latest // DAY_US)))
    days = {time // DAY_US for time in times}
    return {_month_of_day(day) for day in days if first <= day < (end - NAIVE_UNIX_EPOCH).days}


def bounds(month: datetime) -> tuple[int, int]:
    """Return the first microsecond of the month and of the month after it."""
    return _us(month), _us(_next_month(month))


def _month_of_day(day: int) -> datetime:
    return (NAIVE_UNIX_EPOCH + timedelta(days=day)).replace(day=1)


def _next_month(month: datetime) -> datetime:
    return (month + _LONGEST_MONTH).replace(day=1)


def _us(moment: datetime) -> int:
    return (moment - NAIVE_UNIX_EPOCH).days * DAY_US


def _make(missing: list[datetime]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_EXISTING)
        existing = {name for (name,) in cursor.fetchall()}
        for month in missing:
            name = f"sensors_reading_{month:%Y_%m}"
            if name not in existing:
                # Attached afterwards: unlike CREATE ... PARTITION OF this blocks no query.
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {name} (LIKE sensors_reading INCLUDING ALL)"
                )
                cursor.execute(
                    f"ALTER TABLE sensors_reading ATTACH PARTITION {name}"
                    " FOR VALUES FROM (%s) TO (%s)" % bounds(month)
                )
        # Only once committed: a partition that was rolled back is made again.
        transaction.on_commit(lambda: _made.update(missing))
