"""Schematics: pictures of machines with points and labels of their sensors."""

from collections.abc import Sequence
from typing import NamedTuple

from realtime.presentation.texts import POSITION_SIGN
from realtime.presentation.view_models import MachineTile, Schematic, SchematicSpot, SensorValue

WIDTH, HEIGHT = 420, 250
# Labels stand in two columns beside the picture.
LEFT_X, RIGHT_X = 4, WIDTH - 4
LEFT_LINE_X, RIGHT_LINE_X = 112, WIDTH - 112
TOP, LOWEST = 30, HEIGHT - 26
# Kind -> sensor, or its quantity -> the point in the picture.
POINTS: dict[str, dict[str, tuple[int, int]]] = {
    "machining-centre": {
        "temperature": (196, 92), "speed": (196, 112), "vibration": (214, 84),
        "pressure": (158, 186), "humidity": (262, 62),
    },
    "mill": {
        "temperature": (226, 78), "speed": (240, 128), "vibration": (226, 106),
        "pressure": (166, 190), "humidity": (176, 60),
    },
    "lathe": {
        "temperature": (164, 84), "speed": (186, 112), "pressure": (178, 176),
        "vibration.drive_end": (148, 112), "vibration.non_drive_end": (272, 112),
    },
    "robot": {
        "temperature": (176, 146), "speed": (190, 70), "vibration": (244, 96),
        "pressure": (272, 140),
    },
    "press": {
        "temperature": (166, 48), "speed": (254, 48), "vibration": (250, 118),
        "pressure": (210, 82), "humidity": (158, 200),
    },
    "pump": {
        "temperature": (248, 132), "speed": (220, 132), "pressure": (170, 78),
        "vibration.drive_end": (232, 150), "vibration.non_drive_end": (282, 132),
    },
}  # fmt: skip
# From a label's baseline down to its rule.
UNDER = 18
# Sensors without a point in the picture lie in a row below the machine.
UNPLACED_X, UNPLACED_Y = 140, 216
UNPLACED_STEP, UNPLACED_COUNT = 24, 7


class _Placed(NamedTuple):
    """A sensor with its point in the picture."""

    sensor: SensorValue
    x: int
    y: int


def schematic(tile: MachineTile) -> Schematic:
    """Draw the machine's picture with its sensors."""
    return Schematic(
        machine_id=tile.machine_id,
        subject=tile.kind or tile.machine_id,
        template=f"realtime/schematics/{tile.icon}.html",
        spots=tuple(spots(tile.icon, tile.sensors)),
    )


def spots(picture: str, sensors: Sequence[SensorValue]) -> list[SchematicSpot]:
    """Place the sensors on the picture and their labels in the columns beside it."""
    placed = [_place(picture, sensor, index) for index, sensor in enumerate(sensors)]
    middle = WIDTH / 2
    ordered = sorted(placed, key=lambda spot: spot.x)
    # As many left as right, so that no column is crowded.
    left, right = ordered[: (len(ordered) + 1) // 2], ordered[(len(ordered) + 1) // 2 :]
    if placed and all(spot.x > middle for spot in placed):
        left, right = right, left
    return _column(left, is_left=True) + _column(right, is_left=False)


def _place(picture: str, sensor: SensorValue, index: int) -> _Placed:
    points = POINTS.get(picture, {})
    name = sensor.sensor_type
    point = points.get(name) or points.get(name.partition(".")[0])
    if point is None:
        point = (UNPLACED_X + UNPLACED_STEP * (index % UNPLACED_COUNT), UNPLACED_Y)
    return _Placed(sensor, *point)


def _column(column: Sequence[_Placed], *, is_left: bool) -> list[SchematicSpot]:
    """Set the labels from the top down in the order of their points: leaders do not cross."""
    ordered = sorted(column, key=lambda spot: spot.y)
    step = (LOWEST - TOP) / max(1, len(ordered) - 1)
    return [
        SchematicSpot(
            sensor=spot.sensor,
            x=spot.x,
            y=spot.y,
            is_left=is_left,
            # Two lines: one line would reach into the picture.
            label_lines=tuple(spot.sensor.label.split(POSITION_SIGN)),
            label_x=LEFT_X if is_left else RIGHT_X,
            line_x=LEFT_LINE_X if is_left else RIGHT_LINE_X,
            label_y=round(TOP + step * index),
            line_y=round(TOP + step * index) + UNDER,
        )
        for index, spot in enumerate(ordered)
    ]
