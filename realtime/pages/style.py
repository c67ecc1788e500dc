"""The style page for developers: every component in every state, from the pages' own templates."""

from typing import Any

from realtime.pages.machine import sensor_row
from realtime.presentation import charts, texts
from realtime.presentation.schematics import spots
from realtime.presentation.view_models import Shown, shown_machine
from sensors.catalogue.descriptions import SensorDescription
from sensors.timestamps import SECOND_US, format_us

# (name, connectivity, quality, age in seconds, how far its clock is ahead)
STATES = (
    ("SHW-001", "online", "good", 2, 0),
    ("SHW-002", "online", "uncertain", 14, 0),
    ("SHW-003", "online", "bad", 3, 0),
    ("SHW-004", "online", "good", 1, 95),
    ("SHW-005", "stale", "good", 420, 0),
    ("SHW-006", "offline", "good", 8000, 0),
    ("SHW-007", "never_seen", "none", 0, 0),
    ("SHW-008", "unknown", "none", 0, 0),
)
# The time in the sentences of the feed.
MOMENT = "06:23:31"
FEEDS = ("connecting", "live", "delayed", "down", "lost", "stopped")
KINDS = ("machining centre", "mill", "lathe", "robot", "press", "pump", "")
UNITS = {"temperature": "Cel", "vibration": "mm/s", "speed": "rpm", "pressure": "bar"}
TOKENS = {
    "surfaces": ("page", "surface", "surface-sunk", "line", "line-strong"),
    "text": ("text", "text-soft", "text-held", "link", "focus"),
    "abnormal": ("uncertain-surface", "bad-surface", "stale-surface"),
}


def style_page(now_us: int) -> Shown:
    """All that templates/realtime/style.html prints."""
    tiles = [one_machine(state, now_us) for state in STATES]
    return {
        "words": texts.words(),
        "tokens": TOKENS,
        "tiles": tiles,
        "spark_buckets": charts.SPARK_BUCKETS,
        "rows": [tile["sensors"][0] for tile in tiles[:7]],
        "feeds": [{"feed": feed, "sentence": sentence(feed)} for feed in FEEDS],
        "kinds": [one_kind(kind, now_us) for kind in KINDS],
    }


def sentence(feed: str) -> str:
    """Write the sentence that the feed bar shows in this state; empty while it is live."""
    text = str(texts.FEED.get(feed, "")).format(
        duration=texts.duration_text(7), time=MOMENT, code=4400
    )
    if feed not in ("down", "stopped"):
        return text
    return f"{text} {texts.VALUES_FROM.format(time=MOMENT)}"


def one_machine(state: tuple[str, str, str, int, int], now_us: int) -> Shown:
    machine_id, connectivity, quality, age, ahead = state
    sensors = [
        sensor(name, now_us, quality=quality if at == 0 else "good", age=age, ahead=ahead)
        for at, name in enumerate(UNITS)
    ]
    if quality == "none":
        sensors = [one | {"latest": None} for one in sensors]
    return machine(machine_id, connectivity, "robot", sensors) | {"is_shown": True}


def one_kind(kind: str, now_us: int) -> Shown:
    shown = machine("SHW-001", "online", kind, [sensor(name, now_us) for name in UNITS])
    return shown | {
        "spots": spots(shown["icon"], shown["sensors"]),
        "schematic": f"realtime/schematics/{shown['icon']}.html",
    }


def machine(machine_id: str, connectivity: str, kind: str, sensors: list[Shown]) -> Shown:
    place = {"site": "Site", "area": "Area", "line": "Line"}
    fields: dict[str, Any] = {"machine_id": machine_id, "name": "A machine", "kind": kind}
    shown = shown_machine(fields | place | {"connectivity": connectivity, "sensors": sensors})
    shown["sensors"] = [sensor_row(one, described(one)) for one in shown["sensors"]]
    return shown


def described(shown: Shown) -> SensorDescription:
    return SensorDescription(
        id=0,
        machine_id=shown["machine_id"],
        name=shown["sensor_type"],
        type_slug=shown["sensor_type"],
        type_name=shown["sensor_type"],
        unit=shown["unit"],
        minimum=0,
        maximum=200,
        stale_seconds=300,
    )


def sensor(name: str, now_us: int, *, quality: str = "good", age: int = 1, ahead: int = 0) -> Shown:
    received = now_us - age * SECOND_US
    latest = {
        "value": 85.4321987,
        "quality": quality,
        "timestamp": format_us(received + ahead * SECOND_US),
        "received_at": format_us(received),
        "age_seconds": float(age),
        "stale": age > 300,
    }
    return {"sensor_type": name, "unit": UNITS[name], "stale_seconds": 300, "latest": latest}
