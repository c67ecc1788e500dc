"""The one writer of reading rows: rows and position in one transaction (docs/decisions/0002)."""

from collections.abc import Sequence

import msgspec
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from sensors.history import partitions
from sensors.history.incoming import fill, values
from sensors.messages import LiveReading, pack
from sensors.models import ConflictingReading, DeadLetter, Sensor
from sensors.readers import positions

# The rows' own fault: storing them again would fail again. OverflowError is SQLite's answer to
# a number beyond 64 bits, ValueError that to text that is no UTF-8.
DATA_ERRORS = (DataError, IntegrityError, OverflowError, ValueError)

# SQLite has no COPY: the rows go straight in, which spares it the copy.
_INSERT_EACH = """
    INSERT INTO sensors_reading
        (sensor_id, measured_at, received_at, value, quality, late, metadata)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (sensor_id, measured_at) DO NOTHING
"""
# In the order of the key, so that two writers can never wait for each other in a circle.
_INSERT_NEW = """
    INSERT INTO sensors_reading
        (sensor_id, measured_at, received_at, value, quality, late, metadata)
    SELECT sensor_id, measured_at, received_at, value, quality, late, metadata
    FROM incoming WHERE true ORDER BY sensor_id, measured_at, number
    ON CONFLICT (sensor_id, measured_at) DO NOTHING
"""
_DIFFERENT = """
    SELECT new.number, kept.value, kept.quality
    FROM incoming AS new JOIN sensors_reading AS kept
        ON kept.sensor_id = new.sensor_id AND kept.measured_at = new.measured_at
    WHERE new.quality <> kept.quality
        OR COALESCE(new.value <> kept.value, (new.value IS NULL) <> (kept.value IS NULL))
    ORDER BY new.number
"""


class Written(msgspec.Struct, frozen=True):
    """What became of the rows of one write; together they are all that came."""

    stored: int = 0
    repeats: int = 0
    conflicts: int = 0
    dead: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            self.stored + other.stored,
            self.repeats + other.repeats,
            self.conflicts + other.conflicts,
            self.dead + other.dead,
        )


def write(
    rows: Sequence[LiveReading],
    *,
    epoch: str,
    start: str,
    end: str,
    letters: Sequence[DeadLetter] = (),
    salvage: bool = False,
) -> Written:
    """Store what is new and move the position from `start` to `end`, both or neither.

    Of rows with the same sensor and measured time the first stays, whether it was stored before
    or came in this call; equal ones are counted, different ones kept as ConflictingReading.
    With `salvage` the rows that the database refuses become dead letters. `letters` are such
    that are known already.

    Raises LeaseLost when another process moved the position, and without `salvage` one of
    DATA_ERRORS when a row is refused.
    """
    partitions.make_missing(row.measured_at for row in rows)
    with transaction.atomic():
        # First, so that a second writer waits here and then finds that it came too late.
        positions.move(start=(epoch, start), end=(epoch, end))
        DeadLetter.objects.bulk_create(letters)
        written = Written(dead=len(letters))
        if salvage:
            return written + _salvage(rows, epoch, end)
        return written + _store(rows, epoch, end)


def _store(rows: Sequence[LiveReading], epoch: str, position: str) -> Written:
    if not rows:
        return Written()
    with connection.cursor() as cursor:
        stored = _insert_new(cursor, rows)
        if stored == len(rows):
            return Written(stored)
        cursor.execute(_DIFFERENT)
        different = [(rows[number], value, quality) for number, value, quality in cursor.fetchall()]
    dead = _keep_conflicts(different, epoch, position)
    conflicts = len(different) - dead
    return Written(stored, len(rows) - stored - len(different), conflicts, dead)


def _insert_new(cursor: CursorWrapper, rows: Sequence[LiveReading]) -> int:
    """How many were new; `incoming` holds them all if that were not all."""
    if connection.vendor == "sqlite":
        cursor.executemany(_INSERT_EACH, [*map(values, rows)])
        stored: int = cursor.rowcount
        if stored < len(rows):
            fill(cursor, rows)
        return stored
    fill(cursor, rows)
    cursor.execute(_INSERT_NEW)
    return int(cursor.rowcount)


def _keep_conflicts(
    different: Sequence[tuple[LiveReading, float | None, int]], epoch: str, position: str
) -> int:
    """Keep each beside the value that stays; returns how many had to become dead letters."""
    known = set(
        Sensor.objects.filter(id__in={row.sensor_id for row, _, _ in different}).values_list(
            "id", flat=True
        )
    )
    ConflictingReading.objects.bulk_create(
        ConflictingReading(
            sensor_id=row.sensor_id,
            measured_at=row.measured_at,
            received_at=row.received_at,
            value=row.value,
            quality=row.quality,
            stored_value=value,
            stored_quality=quality,
        )
        for row, value, quality in different
        if row.sensor_id in known
    )
    letters = [
        dead_letter(epoch, position, row.machine_id, pack(row), f"{value!r} was stored before")
        for row, value, _ in different
        if row.sensor_id not in known
    ]
    DeadLetter.objects.bulk_create(letters)
    return len(letters)


def _salvage(rows: Sequence[LiveReading], epoch: str, position: str) -> Written:
    """Store by halves until each row that is refused stands alone."""
    try:
        with transaction.atomic():
            return _store(rows, epoch, position)
    except DATA_ERRORS as exc:
        if len(rows) == 1:
            reason = f"{type(exc).__name__}: {exc}"
            dead_letter(epoch, position, rows[0].machine_id, pack(rows[0]), reason).save()
            return Written(dead=1)
    middle = len(rows) // 2
    return _salvage(rows[:middle], epoch, position) + _salvage(rows[middle:], epoch, position)


def dead_letter(
    epoch: str, position: str, machine_id: str, payload: bytes, reason: str
) -> DeadLetter:
    """A letter (not yet saved) that no database refuses: no NUL, no half characters."""
    return DeadLetter(
        epoch=epoch,
        position=position,
        machine_id=_plain(machine_id)[:64],
        payload=_plain(payload.decode(errors="backslashreplace")),
        reason=_plain(reason),
    )


def _plain(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
