"""Conflicting readings: second values for a time that the history already holds."""

from collections.abc import Sequence

import msgspec

from sensors.models import ConflictingReading


class Conflict(msgspec.Struct, frozen=True):
    """A value that was rejected, and the value that the history kept in its place.

    `received_at` is microseconds since 1970 UTC.
    """

    sensor_id: int
    received_at: int
    value: float | None
    stored_value: float | None


def newest_conflicts(sensor_ids: Sequence[int], *, limit: int) -> list[Conflict]:
    """Read the newest conflicts of these sensors, newest first; one query."""
    rows = ConflictingReading.objects.filter(sensor_id__in=sensor_ids)
    columns = ("sensor_id", "received_at", "value", "stored_value")
    return [Conflict(*row) for row in rows.values_list(*columns)[:limit]]
