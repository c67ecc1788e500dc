"""The temporary table `incoming`: the rows of one transaction, on either database."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from sensors.messages import LiveReading

_COLUMNS = (
    "(sensor_id bigint, measured_at bigint, received_at bigint, value double precision,"
    " quality smallint, late boolean, metadata text, number integer)"
)
_CREATE = {
    "sqlite": f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming {_COLUMNS}",
    "postgresql": f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming {_COLUMNS} ON COMMIT DELETE ROWS",
}
_INSERT = "INSERT INTO incoming VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
_encode = msgspec.json.Encoder().encode


def fill(cursor: CursorWrapper, rows: Sequence[LiveReading]) -> None:
    """Replace the content of `incoming` by these rows, numbered in their order."""
    cursor.execute(_CREATE[connection.vendor])
    cursor.execute("DELETE FROM incoming")
    _FILL[connection.vendor](cursor, rows)


def values(row: LiveReading) -> tuple[int | float | str | None, ...]:
    """Return the columns of the table of readings, from `sensor_id` to `metadata`."""
    return (
        row.sensor_id,
        row.measured_at,
        row.received_at,
        row.value,
        int(row.quality),
        row.late,
        _encode(row.metadata).decode() if row.metadata else "",
    )


def _insert(cursor: CursorWrapper, rows: Sequence[LiveReading]) -> None:
    cursor.executemany(_INSERT, [(*values(row), number) for number, row in enumerate(rows)])


def _copy(cursor: Any, rows: Sequence[LiveReading]) -> None:
    text = "".join(map(_copy_row, enumerate(rows)))
    # Django passes COPY on to psycopg and does not translate its errors.
    with connection.wrap_database_errors, cursor.copy("COPY incoming FROM STDIN") as copy:
        copy.write(text)


def _copy_row(numbered: tuple[int, LiveReading]) -> str:
    """Return a row in COPY's text format; JSON escapes control characters but no backslash."""
    number, row = numbered
    metadata = _encode(row.metadata).decode().replace("\\", "\\\\") if row.metadata else ""
    value = "\\N" if row.value is None else repr(row.value)
    return (
        f"{row.sensor_id}\t{row.measured_at}\t{row.received_at}\t{value}\t"
        f"{int(row.quality)}\t{row.late}\t{metadata}\t{number}\n"
    )


_FILL: dict[str, Callable[[Any, Sequence[LiveReading]], None]] = {
    "sqlite": _insert,
    "postgresql": _copy,
}
