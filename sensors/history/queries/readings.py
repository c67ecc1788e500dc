"""Stored readings, newest first, in pages.

The newest rows of each sensor are read by the key (sensor, measured time): the size of the page
bounds the rows read, however dense or sparse the history is.
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

# Most pages end within this time; only the others search all partitions.
RECENT_US = 40 * 86_400 * SECOND_US
# Before and after all times that the history keeps.
FIRST_US, END_US = 0, 2**62
# Sensors per query: SQLite takes 500 parts in a compound SELECT; each takes four parameters.
QUERY_SENSORS = 100
_NEWEST = (
    "SELECT * FROM (SELECT sensor_id, measured_at, received_at, value, quality, late, metadata"
    " FROM sensors_reading WHERE sensor_id = %s AND measured_at >= %s AND measured_at < %s"
    " ORDER BY measured_at DESC LIMIT %s) AS newest"
)
_Row = tuple[int, int, int, float | None, int, bool, str]


class PageCursor(NamedTuple):
    """The sort key of a reading in a history, from which the next page continues."""

    measured_at: int
    sensor_id: int


class Page(msgspec.Struct, frozen=True):
    """Readings, newest first, and the cursor of the next page; None on the last page."""

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
    """Read the newest `limit` readings with start <= measured time < end (microseconds).

    With `after`, the readings that follow this cursor. Three queries when up to 100 sensors have
    readings, five when the readings lie far back.
    """
    if after is not None:
        end = min(end, after.measured_at + 1)
    recent = max(start, min(end, now_us) - RECENT_US)
    rows = _newest_rows(sensors, start=recent, end=end, limit=limit + 1, after=after)
    if len(rows) <= limit and recent > start:
        rows = _newest_rows(sensors, start=start, end=end, limit=limit + 1, after=after)
    page_rows = rows[:limit]
    return Page(
        readings=_readings(page_rows),
        next=PageCursor(page_rows[-1][1], page_rows[-1][0]) if len(rows) > limit else None,
    )


def _newest_rows(
    sensors: QuerySet[Sensor], *, start: int, end: int, limit: int, after: PageCursor | None
) -> list[_Row]:
    candidates = _candidates(sensors, start=start, end=end, limit=limit, after=after)
    rows: list[_Row] = []
    for index in range(0, len(candidates), QUERY_SENSORS):
        chunk = candidates[index : index + QUERY_SENSORS]
        parameters = [
            parameter
            for sensor_id, until in chunk
            for parameter in (sensor_id, start, until, limit)
        ]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([_NEWEST] * len(chunk)), parameters)
            rows += cursor.fetchall()
    rows.sort(key=lambda row: (row[1], row[0]), reverse=True)
    return rows[:limit]


def _candidates(
    sensors: QuerySet[Sensor], *, start: int, end: int, limit: int, after: PageCursor | None
) -> Sequence[tuple[int, int]]:
    """Return the sensors that can have readings on the page, each with the end of its range.

    A sensor is left out when `limit` others have newer readings than its newest.
    """
    until: Value | Case = Value(end, BigIntegerField())
    if after is not None and end == after.measured_at + 1:
        # Readings of the cursor's own time: those of sensors with smaller ids still follow.
        until = Case(
            When(pk__lt=after.sensor_id, then=Value(end)),
            default=Value(end - 1),
            output_field=BigIntegerField(),
        )
    newest = Reading.objects.filter(
        sensor_id=OuterRef("pk"), measured_at__gte=start, measured_at__lt=OuterRef("until")
    ).order_by("-measured_at")
    candidates = (
        sensors.annotate(until=until)
        .annotate(newest=Subquery(newest.values("measured_at")[:1]))
        .filter(newest__isnull=False)
        .order_by("-newest", "-pk")
    )
    return list(candidates.values_list("pk", "until")[:limit])


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
