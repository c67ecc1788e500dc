"""The only writer of reading rows: rows and position in one transaction.

A reading is identified by its sensor and its measured time, to the microsecond
(docs/decisions/0012).
"""

from collections.abc import Sequence

import msgspec
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from sensors.history import partitions
from sensors.history.incoming import fill, values
from sensors.messages import LiveReading, pack
from sensors.models import ConflictingReading, DeadLetter, Sensor
from sensors.readers import positions
from sensors.store import keys

READER = keys.HISTORY_READER
# Errors of the rows themselves: storing them again would fail again. SQLite raises OverflowError
# for a number beyond 64 bits, and ValueError for text that is invalid UTF-8.
DATA_ERRORS = (DataError, IntegrityError, OverflowError, ValueError)

# SQLite has no COPY: inserting the rows directly spares it the temporary table.
_INSERT_EACH = """
    INSERT INTO sensors_reading
        (sensor_id, measured_at, received_at, value, quality, late, metadata)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (sensor_id, measured_at) DO NOTHING
"""
# In the order of the key, so that two writers cannot deadlock.
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
    """Counts of the rows of one write by their outcome; together, all of its rows."""

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
    dead_letters: Sequence[DeadLetter] = (),
    salvage: bool = False,
) -> Written:
    """Store the new rows and move the position from `start` to `end`, both or neither.

    Of rows with the same sensor and measured time the first stays, whether it was stored before
    or came in this call; equal rows are counted, different rows kept as ConflictingReading.
    `dead_letters` are stored as they are; with `salvage` the rows that the database refuses
    become dead letters too.

    Raises LeaseLost when another process moved the position, and without `salvage` one of
    DATA_ERRORS when a row is refused.
    """
    partitions.make_missing(row.measured_at for row in rows)
    with transaction.atomic():
        # First, so that a second writer waits here and then fails with LeaseLost.
        positions.move(READER, start=(epoch, start), end=(epoch, end))
        DeadLetter.objects.bulk_create(dead_letters)
        written = Written(dead=len(dead_letters))
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
    """Insert the new rows and return their number; unless all were, `incoming` holds all rows."""
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
    """Keep each row beside the value that stays; return how many became dead letters.

    A conflict refers to its sensor; rows of a sensor that is gone become dead letters.
    """
    sensors = set(
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
        if row.sensor_id in sensors
    )
    dead_letters = [
        dead_letter(epoch, position, row.machine_id, pack(row), f"{value!r} was stored before")
        for row, value, _ in different
        if row.sensor_id not in sensors
    ]
    DeadLetter.objects.bulk_create(dead_letters)
    return len(dead_letters)


def _salvage(rows: Sequence[LiveReading], epoch: str, position: str) -> Written:
    """Store the rows by halves, until each refused row is alone and becomes a dead letter."""
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
    """Return an unsaved dead letter that every database takes: no NUL, no lone surrogates."""
    return DeadLetter(
        epoch=epoch,
        position=position,
        machine_id=_plain(machine_id)[:64],
        payload=_plain(payload.decode(errors="backslashreplace")),
        reason=_plain(reason),
    )


def _plain(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
