"""A recorded CSV, read row by row: however long the file is, one row of it is in memory."""

import csv
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from sensors.devices.replay.cells import CellRefused, parse_number, parse_time, shown
from sensors.devices.replay.columns import Mapping, MappingRefused, Places, find_places

# A file without line ends is no CSV, and must not be read into memory as one line.
LONGEST_LINE = 1_000_000


class RecordingRefused(Exception):
    """The file cannot be replayed; the text says which, where and why."""


class RecordedRow(msgspec.Struct, frozen=True, gc=False):
    """`measured_at` in microseconds since 1970 UTC; a value for each mapping, None where empty.

    NaN stands where the recorder wrote NaN.
    """

    measured_at: int
    values: tuple[float | None, ...]

    @property
    def readings(self) -> int:
        return len(self.values) - self.values.count(None)


class Recording:
    """`rows()` may be read several times; `mappings` says what the values of a row are."""

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
        """In the file's order. Raises RecordingRefused, with the line where it is a line."""
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
                    "Give --encoding, such as latin-1 or utf-16."
                ) from exc
            except OSError as exc:
                raise RecordingRefused(f"{self.path} cannot be read: {exc.strerror}.") from exc

    def _open(self) -> TextIO:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):
                kind = "a folder" if self.path.is_dir() else "not an ordinary file"
                raise RecordingRefused(f"{self.path} is {kind}; expected a CSV file.")
            # What does not decode goes on, marked, so that its line can be named.
            return self.path.open(encoding=self._encoding, errors="surrogateescape", newline="")
        except OSError as exc:
            raise RecordingRefused(f"{self.path} cannot be read: {exc.strerror}.") from exc

    def _parsed(self, lines: "_Lines") -> Iterator[RecordedRow]:
        table = csv.reader(lines, delimiter=self._delimiter, strict=True)
        header = next((row for row in table if row), None)
        if header is None:
            raise RecordingRefused(f"{self.path} is empty.")
        places = find_places(header, self.mappings, time_column=self._time_column)
        for cells in table:
            if cells:  # not a blank line
                yield self._row(cells, places)

    def _row(self, cells: list[str], places: Places) -> RecordedRow:
        if len(cells) != places.width:
            raise CellRefused(f"expected {places.width} cells, got {len(cells)}")
        return RecordedRow(
            parse_time(cells[places.time].strip()),
            tuple(
                _value(cells[place].strip(), mapping.column)
                for place, mapping in zip(places.values, self.mappings, strict=True)
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
    """A file's lines, none endless, none with bytes that are not in its encoding."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LONGEST_LINE + 1):
            self.count += 1
            if len(line) > LONGEST_LINE:
                raise CellRefused(f"expected a line of at most {LONGEST_LINE:,} characters")
            if not line.isascii():
                line.encode()  # raises UnicodeEncodeError at a marked byte
            yield line


class Survey(msgspec.Struct):
    """What a recording holds: rows, readings, and the first, oldest and newest time."""

    rows: int = 0
    readings: int = 0
    first: int = 0
    oldest: int = 0
    newest: int = 0

    def add(self, row: RecordedRow) -> None:
        at = row.measured_at
        if not self.rows:
            self.first = self.oldest = self.newest = at
        self.rows += 1
        self.readings += row.readings
        self.oldest = min(self.oldest, at)
        self.newest = max(self.newest, at)
