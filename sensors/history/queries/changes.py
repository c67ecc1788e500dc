"""Changes of sensors: silences and changes of quality, found in their newest rows."""

from collections.abc import Sequence

import msgspec
from django.db import connection

from sensors.catalogue.descriptions import SensorDescription
from sensors.enums import Quality
from sensors.timestamps import SECOND_US

# Rows read and changes returned per sensor.
MAX_ROWS = 5000
MAX_CHANGES = 50
# Sensors per query; SQLite takes 500 parts in a compound SELECT.
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
    """A reading that follows a silence or a reading of another quality.

    Times are microseconds since 1970 UTC: the reading's own, and that of the reading before it,
    which is None for the oldest row that was read.
    """

    sensor: SensorDescription
    before_at: int | None
    at: int
    before: Quality | None
    after: Quality

    @property
    def is_silence(self) -> bool:
        """Whether the sensor was stale before this reading."""
        limit = self.sensor.stale_seconds * SECOND_US
        return self.before_at is not None and self.at - self.before_at > limit


def reading_changes(sensors: Sequence[SensorDescription], *, start: int, end: int) -> list[Change]:
    """Read the newest changes with start <= measured time < end, newest first; one query.

    At most `MAX_ROWS` rows are read and `MAX_CHANGES` changes returned per sensor.
    """
    by_id = {sensor.id: sensor for sensor in sensors[:MAX_SENSORS]}
    if not by_id:
        return []
    parameters = [
        parameter
        for sensor in by_id.values()
        for parameter in (
            *(sensor.id, start, end, MAX_ROWS),
            *(sensor.stale_seconds * SECOND_US, MAX_CHANGES),
        )
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_CHANGES] * len(by_id)), parameters)
        rows = cursor.fetchall()
    rows.sort(key=lambda row: (row[2], row[0]), reverse=True)
    return [
        Change(
            sensor=by_id[sensor_id],
            before_at=before_at,
            at=at,
            before=None if before is None else Quality(before),
            after=Quality(after),
        )
        for sensor_id, before_at, at, before, after in rows
    ]
