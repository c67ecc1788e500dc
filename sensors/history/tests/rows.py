"""Readings for the history's tests, and what the database made of them."""

from typing import Any

from sensors.enums import Quality
from sensors.history.writer import Written, write
from sensors.messages import START, LiveReading
from sensors.models import ConflictingReading, Machine, ReaderPosition, Reading, Sensor, SensorType
from sensors.timestamps import SECOND_US

NOON = 1_795_435_200 * SECOND_US  # 2026-11-23T12:00:00Z
TOO_LARGE = 2**63  # for the database's bigint, not for the log
Value = tuple[float | None, int]


def make_reading(
    second: float = 0, value: float | None = 20.0, *, sensor_id: int = 1, **changes: object
) -> LiveReading:
    """A reading measured so many seconds after noon, received half a second later."""
    measured_at = NOON + round(second * SECOND_US)
    fields: dict[str, object] = {
        "machine_id": "CNC-001",
        "sensor_id": sensor_id,
        "sensor_type": f"sensor_{sensor_id}",
        "unit": "Cel",
        "measured_at": measured_at,
        "received_at": measured_at + SECOND_US // 2,
        "value": value,
        "quality": Quality.GOOD,
        "metadata": {},
    }
    return LiveReading(**(fields | changes))  # type: ignore[arg-type]


def make_sensor(sensor_id: int = 1) -> Sensor:
    machine, _ = Machine.objects.get_or_create(machine_id="CNC-001")
    quantity, _ = SensorType.objects.get_or_create(
        slug=f"sensor_{sensor_id}", defaults={"unit": "Cel", "minimum": -50, "maximum": 200}
    )
    sensor, _ = Sensor.objects.get_or_create(id=sensor_id, machine=machine, sensor_type=quantity)
    return sensor


def write_at(number: int, rows: list[LiveReading], **options: Any) -> Written:
    """Write the rows as entry `number` of the log called `log`."""
    start = f"{number - 1}-0" if number > 1 else START
    return write(rows, epoch="log", start=start, end=f"{number}-0", **options)


def kept() -> dict[tuple[int, int], Value]:
    """(sensor id, measured time) -> (value, quality) of every row."""
    return {
        (row.sensor_id, row.measured_at): (row.value, row.quality) for row in Reading.objects.all()
    }


def sent(readings: list[LiveReading]) -> dict[tuple[int, int], Value]:
    """What `kept` must answer: the first of each identity."""
    return {
        (row.sensor_id, row.measured_at): (row.value, row.quality.value)
        for row in reversed(readings)
    }


def conflicts() -> list[tuple[int, float | None, float | None]]:
    """(measured time, refused value, value that stays), in the order found."""
    return [
        (row.measured_at, row.value, row.stored_value)
        for row in ConflictingReading.objects.order_by("id")
    ]


def saved() -> tuple[str, str]:
    row = ReaderPosition.objects.get(reader="history")
    return row.epoch, row.position
