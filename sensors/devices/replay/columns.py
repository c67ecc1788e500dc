"""Which column of a recording is which sensor: `column=sensor_type[:unit]`."""

from collections.abc import Iterable, Sequence

import msgspec

from sensors.devices.replay.cells import shown
from sensors.identifiers import is_sensor_name
from sensors.units import SHIPPED_UNITS, UNIT_LENGTH

# The first of these that the file has, in whatever case.
TIME_COLUMNS = ("timestamp", "datetime", "time")
MAX_COLUMNS_SHOWN = 20


class MappingRefused(Exception):
    """A `--map` or a column's name is wrong; the text says what was expected and what came."""


class Mapping(msgspec.Struct, frozen=True):
    """The values of `column` are in `unit` and become readings of `sensor_type`."""

    column: str
    sensor_type: str
    unit: str


def parse_mapping(text: str) -> Mapping:
    """`Temperature=temperature.engine:fahrenheit`; without a unit it is the shipped type's own.

    Raises MappingRefused.
    """
    # From the right: a column may be called anything, a sensor and a unit have no `=`.
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
            f"{slug} is none of the types shipped, so say the unit: {sensor_type}:UNIT"
        )
    return SHIPPED_UNITS[slug]


def check_sensors(mappings: Iterable[Mapping]) -> None:
    """Raises MappingRefused when two columns would be the same sensor."""
    columns: dict[str, str] = {}
    for one in mappings:
        if other := columns.get(one.sensor_type):
            raise MappingRefused(
                f"{shown(other)} and {shown(one.column)} are both mapped to {one.sensor_type}; "
                "give one of them a position, such as temperature.inlet"
            )
        columns[one.sensor_type] = one.column


class Places(msgspec.Struct, frozen=True):
    """Where in a row of `width` cells the time stands, and each mapping's value, in order."""

    width: int
    time: int
    values: tuple[int, ...]


def find_places(
    header: Sequence[str], mappings: Iterable[Mapping], *, time_column: str | None
) -> Places:
    """Raises MappingRefused when a column is missing, stands twice, or is time and value."""
    names = [name.strip() for name in header]
    time = _place(names, time_column.strip() if time_column else _time_column(names))
    values = tuple(_place(names, one.column) for one in mappings)
    if time in values:
        raise MappingRefused(f"the column {shown(names[time])} is the time, it cannot be a sensor")
    return Places(len(names), time, values)


def _time_column(names: Sequence[str]) -> str:
    by_lower = {name.lower(): name for name in reversed(names)}
    for candidate in TIME_COLUMNS:
        if candidate in by_lower:
            return by_lower[candidate]
    raise MappingRefused(
        f"no column is called {', '.join(TIME_COLUMNS)}; say which one holds the time with "
        f"--time-column. {_there_are(names)}"
    )


def _place(names: Sequence[str], wanted: str) -> int:
    if names.count(wanted) == 1:
        return names.index(wanted)
    if wanted in names:
        raise MappingRefused(f"the column {shown(wanted)} stands more than once")
    raise MappingRefused(f"there is no column {shown(wanted)}. {_there_are(names)}")


def _there_are(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name) for name in names[:MAX_COLUMNS_SHOWN])
    if len(names) > MAX_COLUMNS_SHOWN:
        return f"Its first columns are {listed}"
    if len(names) == 1:
        return f"Its only column is {listed}: is the delimiter another one? See --delimiter"
    return f"Its columns are {listed}"
