"""Arguments of the append script: a request's readings by machine, and in it by series."""

from collections.abc import Sequence

import msgspec

from sensors.messages import LiveReading, pack
from sensors.timestamps import SECOND_US

Argument = bytes | str | int
# Measured time of one bucket of remembered readings; the append script keeps each so much longer.
BUCKET_US = 120 * SECOND_US
# Rows of a series: Lua passes at most 8,000 arguments, and a row takes two.
MAX_ROWS = 3000
_QUALITIES = ("|0", "|1", "|2")


class AppendArguments(msgspec.Struct, frozen=True, gc=False):
    """The script's arguments, their size in bytes, and the readings' indices in their order."""

    arguments: list[Argument]
    size: int
    indices: Sequence[int]


class _Series(msgspec.Struct):
    """A machine's readings of one sensor in one bucket of measured time, received at once.

    `numbers` are the numbers of the machine's rows; `rows` hold the measured time and the
    identity of each: two readings of one time with one identity are the same reading.
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
    """Lay out the readings by machine, in the order of each machine's first reading."""
    machines: dict[str, list[int]] = {}
    for index, reading in enumerate(readings):
        machines.setdefault(reading.machine_id, []).append(index)
    arguments: list[Argument] = [len(machines)]
    size = 0
    for name, indices in machines.items():
        rows = [pack(readings[index]) for index in indices]
        all_series = _series([readings[index] for index in indices])
        size += sum(map(len, rows))
        arguments += (name, len(all_series), len(rows), *rows)
        for series in all_series:
            arguments += series.arguments()
    return AppendArguments(arguments, size, [index for part in machines.values() for index in part])


def _series(readings: Sequence[LiveReading]) -> list[_Series]:
    """Group one machine's readings. `%` is quicker than a format, and runs for every reading."""
    all_series: list[_Series] = []
    growing: dict[tuple[str, int, int], _Series] = {}
    for number, reading in enumerate(readings, 1):
        measured_at, value = reading.measured_at, reading.value
        key = (reading.sensor_type, measured_at // BUCKET_US, reading.received_at)
        series = growing.get(key)
        if series is None or len(series.numbers) == MAX_ROWS:
            series = growing[key] = _Series(*key, [], [])
            all_series.append(series)
        series.numbers.append(str(number))
        series.rows += ("%016d" % measured_at, f"{value!r}{_QUALITIES[reading.quality]}")  # noqa: UP031
    return all_series
