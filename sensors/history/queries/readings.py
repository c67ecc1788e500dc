"""Readings out of the database, newest first.

Each sensor is asked for its own newest rows by the key (sensor, measured time), so that what is
read is bounded by the page, however dense or sparse the history is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from django.db import connection
from django.db.models import BigIntegerField, Case, OuterRef, QuerySet, Subquery, Value, When

from sensors.catalogue.selectors import sensors_in
from sensors.enums import Quality
from sensors.messages import LiveReading
from sensors.models import Reading, Sensor
from sensors.scopes import Scope
from sensors.timestamps import SECOND_US

# Most pages end within this; only the rest is looked for in all the partitions.
RECENT_US = 40 * 86_400 * SECOND_US
# Beyond any time that the history keeps.
FIRST_US, END_US = 0, 2**62
# Sensors asked at once: SQLite takes 500 parts in a query, and four parameters each.
SENSORS_AT_ONCE = 100
_NEWEST = (
    "SELECT * FROM (SELECT sensor_id, measured_at, received_at, value, quality, late, metadata"
    " FROM sensors_reading WHERE sensor_id = %s AND measured_at >= %s AND measured_at < %s"
    " ORDER BY measured_at DESC LIMIT %s) AS newest"
)
_Row = tuple[int, int, int, float | None, int, bool, str]


class PageCursor(NamedTuple):
    """A reading's place in the order of a history, which is newest first."""

    measured_at: int
    sensor_id: int


class Page(msgspec.Struct, frozen=True):
    """Readings, newest first, and the place after which more follow; None at the end."""

    readings: list[LiveReading]
    next: PageCursor | None


def sensors_named(scope: Scope, machine_id: str = "", sensor_type: str = "") -> QuerySet[Sensor]:
    """Return the scope's sensors: all, of a machine, of a name (`vibration.drive_end`), or both."""
    sensors = sensors_in(scope)
    if machine_id:
        sensors = sensors.filter(machine__machine_id=machine_id)
    if sensor_type:
        slug, _, position = sensor_type.partition(".")
        sensors = sensors.filter(sensor_type__slug=slug, position=position)
    return sensors


def reading_history(
    sensors: QuerySet[Sensor],
    *,
    now_us: int,
    start: int = FIRST_US,
    end: int = END_US,
    limit: int = 100,
    after: PageCursor | None = None,
) -> Page:
    """The newest `limit` readings with start <= measured time < end (microseconds).

    With `after` those that follow this place. Three queries when up to 100 sensors have some,
    five when the readings lie far back.
    """
    if after is not None:
        end = min(end, after.measured_at + 1)
    recent = max(start, min(end, now_us) - RECENT_US)
    rows = _newest_rows(sensors, start=recent, end=end, limit=limit + 1, after=after)
    if len(rows) <= limit and recent > start:
        rows = _newest_rows(sensors, start=start, end=end, limit=limit + 1, after=after)
    shown = rows[:limit]
    return Page(
        readings=_readings(shown),
        next=PageCursor(shown[-1][1], shown[-1][0]) if len(rows) > limit else None,
    )


def _newest_rows(
    sensors: QuerySet[Sensor], *, start: int, end: int, limit: int, after: PageCursor | None
) -> list[_Row]:
    candidates = _candidates(sensors, start=start, end=end, limit=limit, after=after)
    rows: list[_Row] = []
    for at in range(0, len(candidates), SENSORS_AT_ONCE):
        some = candidates[at : at + SENSORS_AT_ONCE]
        parameters = [
            parameter for sensor_id, until in some for parameter in (sensor_id, start, until, limit)
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([_NEWEST] * len(some)), parameters)
            rows += cursor.fetchall()
    rows.sort(key=lambda row: (row[1], row[0]), reverse=True)
    return rows[:limit]


def _candidates(
    sensors: QuerySet[Sensor], *, start: int, end: int, limit: int, after: PageCursor | None
) -> Sequence[tuple[int, int]]:
    """(sensor, until when) of those that can be on the page.

    A sensor whose newest reading comes after those of `limit` others cannot.
    """
    until: Value | Case = Value(end, BigIntegerField())
    if after is not None and end == after.measured_at + 1:
        # Of the readings of the same moment those of smaller sensors are still to come.
        until = Case(
            When(pk__lt=after.sensor_id, then=Value(end)),
            default=Value(end - 1),
            output_field=BigIntegerField(),
        )
    newest = Reading.objects.filter(
        sensor_id=OuterRef("pk"), measured_at__gte=start, measured_at__lt=OuterRef("until")
    ).order_by("-measured_at")
    found = (
        sensors.annotate(until=until)
        .annotate(newest=Subquery(newest.values("measured_at")[:1]))
        .filter(newest__isnull=False)
        .order_by("-newest", "-pk")
    )
    return list(found.values_list("pk", "until")[:limit])


def _readings(rows: Sequence[_Row]) -> list[LiveReading]:
    ids = {row[0] for row in rows}
    sensors = Sensor.objects.select_related("machine", "sensor_type").in_bulk(ids)
    return [
        LiveReading(
            machine_id=sensors[sensor_id].machine.machine_id,
            sensor_id=sensor_id,
            sensor_type=sensors[sensor_id].name,
            unit=sensors[sensor_id].sensor_type.unit,
            measured_at=measured_at,
            received_at=received_at,
            value=value,
            quality=Quality(quality),
            metadata=msgspec.json.decode(metadata) if metadata else {},
            late=bool(late),
        )
        for sensor_id, measured_at, received_at, value, quality, late, metadata in rows
    ]
