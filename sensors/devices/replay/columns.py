"""Mappings of columns to sensors: `column=sensor_type[:unit]`."""

from collections.abc import Iterable, Sequence

import msgspec

from sensors.devices.replay.cells import shown
from sensors.identifiers import is_sensor_name
from sensors.units import SHIPPED_UNITS, UNIT_LENGTH

# The first of these in the file is the time column; case is ignored.
TIME_COLUMNS = ("timestamp", "datetime", "time")
MAX_COLUMNS_SHOWN = 20


class MappingRefused(Exception):
    """A `--map` or a column name is wrong; the text names the expected and the actual value."""


class Mapping(msgspec.Struct, frozen=True):
    """A column whose values, in `unit`, become readings of `sensor_type`."""

    column: str
    sensor_type: str
    unit: str


def parse_mapping(text: str) -> Mapping:
    """Parse `Temperature=temperature.engine:fahrenheit`; the default unit is the shipped type's.

    Raises MappingRefused.
    """
    # Split from the right: a column may have any name, a sensor and a unit have no `=`.
    column, equals, target = text.rpartition("=")
    sensor_type, colon, unit = target.partition(":")
    if not equals or not column or not is_sensor_name(sensor_type):
        raise MappingRefused(
            "expected column=sensor_type[:unit] such as Temperature=temperature.engine:Cel, "
            f"got {shown(text)}"
        )
    if colon and not 1 <= len(unit) <= UNIT_LENGTH:
        raise MappingRefused(f"expected a unit of 1 to {UNIT_LENGTH} characters in {shown(text)}")
    return Mapping(column.strip(), sensor_type, unit or _unit_of(sensor_type))


def _unit_of(sensor_type: str) -> str:
    slug = sensor_type.partition(".")[0]
    if slug not in SHIPPED_UNITS:
        raise MappingRefused(
            f"{slug} is not a shipped sensor type; give its unit as {sensor_type}:UNIT"
        )
    return SHIPPED_UNITS[slug]


def check_sensors(mappings: Iterable[Mapping]) -> None:
    """Refuse two columns for the same sensor. Raises MappingRefused."""
    columns: dict[str, str] = {}
    for mapping in mappings:
        if other := columns.get(mapping.sensor_type):
            raise MappingRefused(
                f"{shown(other)} and {shown(mapping.column)} are both mapped to "
                f"{mapping.sensor_type}; give one of them a position, such as temperature.inlet"
            )
        columns[mapping.sensor_type] = mapping.column


class ColumnIndices(msgspec.Struct, frozen=True):
    """Indices of the time and of each mapping's value in a row of `width` cells."""

    width: int
    time: int
    values: tuple[int, ...]


def find_columns(
    header: Sequence[str], mappings: Iterable[Mapping], *, time_column: str | None
) -> ColumnIndices:
    """Find the columns. Raises MappingRefused when one is missing, repeated, or time and value."""
    names = [name.strip() for name in header]
    time = _index(names, time_column.strip() if time_column else _time_column(names))
    values = tuple(_index(names, mapping.column) for mapping in mappings)
    if time in values:
        raise MappingRefused(f"the column {shown(names[time])} is the time and cannot be a sensor")
    return ColumnIndices(len(names), time, values)


def _time_column(names: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in reversed(names)}
    for candidate in TIME_COLUMNS:
        if candidate in by_lower:
            return by_lower[candidate]
    raise MappingRefused(
        f"no column is named {', '.join(TIME_COLUMNS)}; name the time column with "
        f"--time-column. {_there_are(names)}"
    )


def _index(names: Sequence[str], wanted: str) -> int:
    if names.count(wanted) == 1:
        return names.index(wanted)
    if wanted in names:
        raise MappingRefused(f"the column {shown(wanted)} appears more than once")
    raise MappingRefused(f"there is no column {shown(wanted)}. {_there_are(names)}")


def _there_are(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name) for name in names[:MAX_COLUMNS_SHOWN])
    if len(names) > MAX_COLUMNS_SHOWN:
        return f"Its first columns are {listed}"
    if len(names) == 1:
        return f"Its only column is {listed}; set --delimiter if the separator is another"
    return f"Its columns are {listed}"
