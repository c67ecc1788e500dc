"""A request's readings as the append script takes them: by machine, and there by series."""

from collections.abc import Sequence

import msgspec

from sensors.messages import LiveReading, pack
from sensors.timestamps import SECOND_US

Argument = bytes | str | int
# What is remembered of a sensor is kept by so much of measured time.
BUCKET_US = 120 * SECOND_US
# Rows of a series: Lua passes at most 8,000 arguments, two of a row.
MAX_ROWS = 3000
_QUALITIES = ("|0", "|1", "|2")


class AppendArguments(msgspec.Struct, frozen=True, gc=False):
    """The script's arguments, their size in bytes, and which readings they are, in their order."""

    arguments: list[Argument]
    size: int
    indices: Sequence[int]


class _Series(msgspec.Struct):
    """What a machine sends of one sensor in one bucket of measured time, received at once.

    `numbers` say which of the machine's rows they are; `rows` are the measured time and the
    identity of each: what makes two readings of that time the same.
    """

    sensor: str
    bucket: int
    received_at: int
    numbers: list[str]
    rows: list[str]

    def arguments(self) -> list[Argument]:
        received = "%016d" % self.received_at  # noqa: UP031
        numbers = ",".join(self.numbers)
        return [self.sensor, self.bucket, received, len(self.numbers), numbers, *self.rows]


def arguments_of(readings: Sequence[LiveReading]) -> AppendArguments:
    """The machines of a request, in the order in which they first come."""
    machines: dict[str, list[int]] = {}
    for index, reading in enumerate(readings):
        machines.setdefault(reading.machine_id, []).append(index)
    arguments: list[Argument] = [len(machines)]
    size = 0
    for name, indices in machines.items():
        rows = [pack(readings[index]) for index in indices]
        series = _series([readings[index] for index in indices])
        size += sum(map(len, rows))
        arguments += (name, len(series), len(rows), *rows)
        for one in series:
            arguments += one.arguments()
    return AppendArguments(arguments, size, [index for part in machines.values() for index in part])


def _series(readings: Sequence[LiveReading]) -> list[_Series]:
    """Those of one machine. Each step is one for every reading: `%` is quicker than a format."""
    found: list[_Series] = []
    open_ones: dict[tuple[str, int, int], _Series] = {}
    for number, reading in enumerate(readings, 1):
        measured_at, value = reading.measured_at, reading.value
        key = (reading.sensor_type, measured_at // BUCKET_US, reading.received_at)
        series = open_ones.get(key)
        if series is None or len(series.numbers) == MAX_ROWS:
            series = open_ones[key] = _Series(*key, [], [])
            found.append(series)
        series.numbers.append(str(number))
        series.rows += ("%016d" % measured_at, f"{value!r}{_QUALITIES[reading.quality]}")  # noqa: UP031
    return found
