"""The shape of a sensor's recent history in a bounded number of steps, for charts.

Lowest, highest and last value of each step: repeats and any order give the same, so that a page
may add live readings to what it loaded.
"""

from collections.abc import Sequence

import msgspec
from django.db import connection

from sensors.enums import Quality

# What is read of one sensor at most; a denser history is summed up from its newest rows alone.
MAX_ROWS = 200_000
# Sensors asked at once; SQLite takes 500 parts in a query.
MAX_SENSORS = 100
_STEPS = (
    "SELECT sensor_id, (measured_at - %s) / %s AS step, MIN(measured_at), MAX(measured_at),"
    " MIN(value), MAX(value), MAX(quality) FROM (SELECT sensor_id, measured_at, value, quality"
    " FROM sensors_reading WHERE sensor_id = %s AND measured_at >= %s AND measured_at < %s"
    " ORDER BY measured_at DESC LIMIT %s) AS newest GROUP BY sensor_id, step"
)


class Bucket(msgspec.Struct, frozen=True):
    """Times in microseconds since 1970 UTC, the step's number from 0, its worst quality.

    `low` and `high` are None when no reading of the step had a value.
    """

    number: int
    first_at: int
    last_at: int
    low: float | None
    high: float | None
    worst: Quality


def reading_summary(
    sensor_ids: Sequence[int], *, start: int, end: int, step_us: int, most_rows: int = MAX_ROWS
) -> dict[int, list[Bucket]]:
    """The steps that hold readings with start <= measured time < end, by sensor, in order.

    At most `MAX_SENSORS` sensors; each costs at most `most_rows` rows, the newest.
    """
    asked = sensor_ids[:MAX_SENSORS]
    found: dict[int, list[Bucket]] = {sensor_id: [] for sensor_id in asked}
    if not asked:
        return found
    parameters = [
        parameter
        for sensor_id in asked
        for parameter in (start, step_us, sensor_id, start, end, most_rows)
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_STEPS] * len(asked)), parameters)
        rows = cursor.fetchall()
    for sensor_id, number, first_at, last_at, low, high, worst in sorted(rows, key=lambda r: r[:2]):
        found[sensor_id].append(Bucket(number, first_at, last_at, low, high, Quality(worst)))
    return found
