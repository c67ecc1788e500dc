"""When a sensor fell silent and when its quality changed, out of its newest rows."""

from collections.abc import Sequence

import msgspec
from django.db import connection

from sensors.catalogue.descriptions import SensorDescription
from sensors.enums import Quality
from sensors.timestamps import SECOND_US

# What is read of one sensor at most, and how many changes are given.
MAX_ROWS = 5000
MAX_CHANGES = 50
# Sensors asked at once; SQLite takes 500 parts in a query.
MAX_SENSORS = 100
_CHANGES = (
    "SELECT * FROM (SELECT sensor_id, before_at, measured_at, before_quality, quality FROM"
    " (SELECT sensor_id, measured_at, quality, LAG(measured_at) OVER (ORDER BY measured_at)"
    " AS before_at, LAG(quality) OVER (ORDER BY measured_at) AS before_quality FROM"
    " (SELECT sensor_id, measured_at, quality FROM sensors_reading WHERE sensor_id = %s"
    " AND measured_at >= %s AND measured_at < %s ORDER BY measured_at DESC LIMIT %s) AS newest"
    ") AS pairs WHERE before_at IS NULL OR measured_at - before_at > %s"
    " OR quality <> before_quality ORDER BY measured_at DESC LIMIT %s) AS changes"
)


class Change(msgspec.Struct, frozen=True):
    """A reading unlike the one before it, which was measured at `before_at`.

    Times in microseconds since 1970 UTC; the oldest row that was read has nothing before it.
    """

    sensor: SensorDescription
    before_at: int | None
    at: int
    before: Quality | None
    after: Quality

    @property
    def is_silence(self) -> bool:
        """Whether nothing came for longer than the sensor's stale time."""
        limit = self.sensor.stale_seconds * SECOND_US
        return self.before_at is not None and self.at - self.before_at > limit


def reading_changes(sensors: Sequence[SensorDescription], *, start: int, end: int) -> list[Change]:
    """The newest changes with start <= measured time < end, newest first; one query.

    Of each sensor at most `MAX_ROWS` rows are read and `MAX_CHANGES` changes given.
    """
    asked = {sensor.id: sensor for sensor in sensors[:MAX_SENSORS]}
    if not asked:
        return []
    parameters = [
        parameter
        for sensor in asked.values()
        for parameter in (
            *(sensor.id, start, end, MAX_ROWS),
            *(sensor.stale_seconds * SECOND_US, MAX_CHANGES),
        )
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_CHANGES] * len(asked)), parameters)
        rows = cursor.fetchall()
    rows.sort(key=lambda row: (row[2], row[0]), reverse=True)
    return [
        Change(
            sensor=asked[sensor_id],
            before_at=before_at,
            at=at,
            before=None if before is None else Quality(before),
            after=Quality(after),
        )
        for sensor_id, before_at, at, before, after in rows
    ]
