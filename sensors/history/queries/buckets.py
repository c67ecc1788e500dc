"""Histories of sensors in a bounded number of buckets, for charts.

A bucket holds the lowest and the highest value: repeats and any order of readings give the same
bucket, so that a page may add live readings to the buckets that it loaded.
"""

from collections.abc import Sequence

import msgspec
from django.db import connection

from sensors.enums import Quality

# Rows read per sensor; a denser history is summed up from its newest rows alone.
MAX_ROWS = 200_000
# Sensors per query; SQLite takes 500 parts in a compound SELECT.
MAX_SENSORS = 100
_BUCKETS = (
    "SELECT sensor_id, (measured_at - %s) / %s AS bucket, MIN(measured_at), MAX(measured_at),"
    " MIN(value), MAX(value), MAX(quality) FROM (SELECT sensor_id, measured_at, value, quality"
    " FROM sensors_reading WHERE sensor_id = %s AND measured_at >= %s AND measured_at < %s"
    " ORDER BY measured_at DESC LIMIT %s) AS newest GROUP BY sensor_id, bucket"
)


class Bucket(msgspec.Struct, frozen=True):
    """The readings of a sensor within one bucket of time, numbered from 0.

    Times are microseconds since 1970 UTC. `low` and `high` are None when no reading had a value.
    """

    number: int
    first_at: int
    last_at: int
    low: float | None
    high: float | None
    worst: Quality


def reading_buckets(
    sensor_ids: Sequence[int], *, start: int, end: int, bucket_us: int, max_rows: int = MAX_ROWS
) -> dict[int, list[Bucket]]:
    """Read the buckets that hold readings with start <= measured time < end, by sensor, in order.

    At most `MAX_SENSORS` sensors; each costs at most `max_rows` rows, the newest. One query.
    """
    sensor_ids = sensor_ids[:MAX_SENSORS]
    buckets: dict[int, list[Bucket]] = {sensor_id: [] for sensor_id in sensor_ids}
    if not sensor_ids:
        return buckets
    parameters = [
        parameter
        for sensor_id in sensor_ids
        for parameter in (start, bucket_us, sensor_id, start, end, max_rows)
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_BUCKETS] * len(sensor_ids)), parameters)
        rows = cursor.fetchall()
    rows.sort(key=lambda row: row[:2])
    for sensor_id, number, first_at, last_at, low, high, worst in rows:
        buckets[sensor_id].append(Bucket(number, first_at, last_at, low, high, Quality(worst)))
    return buckets
