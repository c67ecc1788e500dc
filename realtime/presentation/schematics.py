"""Where the sensors sit on the picture of a kind of machine (templates/realtime/schematics/)."""

from collections.abc import Sequence
from typing import Any

from realtime.presentation.texts import POSITION_SIGN

Shown = dict[str, Any]
WIDTH, HEIGHT = 420, 250
# Labels stand in two columns beside the picture.
LEFT_X, RIGHT_X = 4, WIDTH - 4
LEFT_LINE_X, RIGHT_LINE_X = 112, WIDTH - 112
TOP, LOWEST = 30, HEIGHT - 26
# Kind -> sensor, or its quantity -> the place in the picture.
PLACES: dict[str, dict[str, tuple[int, int]]] = {
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
# From a label's line of writing down to its rule.
UNDER = 18
# A sensor that a picture does not know lies here, below the machine.
ELSEWHERE_Y = 216


def spots(picture: str, sensors: Sequence[Shown]) -> list[Shown]:
    """The sensors with their place, the corner of the line to it, and their label's corner."""
    placed = [sensor | _place(picture, sensor, at) for at, sensor in enumerate(sensors)]
    middle = WIDTH / 2
    ordered = sorted(placed, key=lambda spot: spot["x"])
    # As many left as right, so that no column is crowded.
    left, right = ordered[: (len(ordered) + 1) // 2], ordered[(len(ordered) + 1) // 2 :]
    if placed and all(spot["x"] > middle for spot in placed):
        left, right = right, left
    return _column(left, is_left=True) + _column(right, is_left=False)


def _place(picture: str, sensor: Shown, at: int) -> Shown:
    known = PLACES.get(picture, {})
    name = sensor["sensor_type"]
    x, y = (
        known.get(name) or known.get(name.partition(".")[0]) or (140 + 24 * (at % 7), ELSEWHERE_Y)
    )
    return {"x": x, "y": y}


def _column(spots: Sequence[Shown], *, is_left: bool) -> list[Shown]:
    """Labels from the top down in the order of their places; their lines do not cross."""
    ordered = sorted(spots, key=lambda spot: spot["y"])
    step = (LOWEST - TOP) / max(1, len(ordered) - 1)
    return [
        spot
        | {
            "is_left": is_left,
            # Two lines: in one they would reach into the picture.
            "label_lines": spot["label"].split(POSITION_SIGN),
            "label_x": LEFT_X if is_left else RIGHT_X,
            "line_x": LEFT_LINE_X if is_left else RIGHT_LINE_X,
            "label_y": round(TOP + step * place),
            "line_y": round(TOP + step * place) + UNDER,
        }
        for place, spot in enumerate(ordered)
    ]
