"""Recorded CSV files, read row by row with one row in memory."""

import csv
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from sensors.devices.replay.cells import CellRefused, parse_number, parse_time, shown
from sensors.devices.replay.columns import ColumnIndices, Mapping, MappingRefused, find_columns

# A file without line ends is not CSV and must not be read into memory as one line.
MAX_LINE = 1_000_000


class RecordingRefused(Exception):
    """The file cannot be replayed; the text names the file, the line and the reason."""


class RecordedRow(msgspec.Struct, frozen=True, gc=False):
    """A row: `measured_at` in microseconds since 1970 UTC, and a value for each mapping.

    None for an empty cell, NaN where the recorder wrote NaN.
    """

    measured_at: int
    values: tuple[float | None, ...]

    @property
    def readings(self) -> int:
        return len(self.values) - self.values.count(None)


class Recording:
    """A recorded file; `rows()` can be read several times."""

    def __init__(
        self,
        path: Path,
        mappings: Sequence[Mapping],
        *,
        delimiter: str = ",",
        encoding: str = "utf-8-sig",
        time_column: str | None = None,
    ) -> None:
        self.path = path
        self.mappings = mappings
        self._delimiter = delimiter
        self._encoding = encoding
        self._time_column = time_column

    def rows(self) -> Iterator[RecordedRow]:
        """Yield the rows in the order of the file. Raises RecordingRefused with the line."""
        with self._open() as file:
            lines = _Lines(file)
            try:
                yield from self._parsed(lines)
            except (CellRefused, csv.Error) as exc:
                raise RecordingRefused(f"{self.path} line {lines.count}: {exc}.") from exc
            except MappingRefused as exc:
                raise RecordingRefused(f"{self.path}: {exc}.") from exc
            except UnicodeError as exc:
                raise RecordingRefused(
                    f"{self.path} line {lines.count} is not {self._encoding}: {_reason(exc)}. "
                    "Set --encoding, such as latin-1 or utf-16."
                ) from exc
            except OSError as exc:
                raise RecordingRefused(f"{self.path} cannot be read: {exc.strerror}.") from exc

    def _open(self) -> TextIO:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                kind = "a folder" if self.path.is_dir() else "not an ordinary file"
                raise RecordingRefused(f"{self.path} is {kind}; expected a CSV file.")
            # Undecodable bytes are marked (PEP 383), so that the error can name the line.
            return self.path.open(encoding=self._encoding, errors="surrogateescape", newline="")
        except OSError as exc:
            raise RecordingRefused(f"{self.path} cannot be read: {exc.strerror}.") from exc

    def _parsed(self, lines: "_Lines") -> Iterator[RecordedRow]:
        table = csv.reader(lines, delimiter=self._delimiter, strict=True)
        header = next((row for row in table if row), None)
        if header is None:
            raise RecordingRefused(f"{self.path} is empty.")
        columns = find_columns(header, self.mappings, time_column=self._time_column)
        for cells in table:
            if cells:  # not a blank line
                yield self._row(cells, columns)

    def _row(self, cells: list[str], columns: ColumnIndices) -> RecordedRow:
        if len(cells) != columns.width:
            raise CellRefused(f"expected {columns.width} cells, got {len(cells)}")
        return RecordedRow(
            parse_time(cells[columns.time].strip()),
            tuple(
                _value(cells[index].strip(), mapping.column)
                for index, mapping in zip(columns.values, self.mappings, strict=True)
            ),
        )


def _value(text: str, column: str) -> float | None:
    try:
        return parse_number(text) if text else None
    except CellRefused as exc:
        raise CellRefused(f"column {shown(column)}: {exc}") from None


def _reason(exc: UnicodeError) -> str:
    if isinstance(exc, UnicodeEncodeError):
        # A byte that did not decode was marked as this character (PEP 383).
        byte = ord(exc.object[exc.start]) - 0xDC00
        return f"byte 0x{byte:02x} at character {exc.start + 1}"
    return str(exc)


class _Lines:
    """The lines of a file, checked for length and encoding."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE + 1):
            self.count += 1
            if len(line) > MAX_LINE:
                raise CellRefused(f"expected a line of at most {MAX_LINE:,} characters")
            if not line.isascii():
                line.encode()  # raises UnicodeEncodeError at a marked byte
            yield line


class Survey(msgspec.Struct):
    """Summary of a recording: rows, readings, and the first, oldest and newest time."""

    rows: int = 0
    readings: int = 0
    first: int = 0
    oldest: int = 0
    newest: int = 0

    def add(self, row: RecordedRow) -> None:
        measured_at = row.measured_at
        if not self.rows:
            self.first = self.oldest = self.newest = measured_at
        self.rows += 1
        self.readings += row.readings
        self.oldest = min(self.oldest, measured_at)
        self.newest = max(self.newest, measured_at)
