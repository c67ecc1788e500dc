"""The style page for developers: every component in every state, from the pages' templates."""

from typing import NamedTuple

from realtime.presentation import charts, texts
from realtime.presentation.machines import in_display_order, machine_tile, sensor_row
from realtime.presentation.schematics import schematic
from realtime.presentation.view_models import FeedBanner, StylePage
from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.enums import Connectivity, Quality
from sensors.messages import LiveReading
from sensors.timestamps import SECOND_US
from sensors.twins.states import MachineState, SensorState, sensor_state


class Sample(NamedTuple):
    """A machine of the page: one of its sensors is abnormal, all are `age` seconds old."""

    machine_id: str
    connectivity: Connectivity | None
    quality: Quality | None
    age: int = 1
    clock_ahead: int = 0


SAMPLES = (
    Sample("SHW-001", Connectivity.ONLINE, Quality.GOOD, age=2),
    Sample("SHW-002", Connectivity.ONLINE, Quality.UNCERTAIN, age=14),
    Sample("SHW-003", Connectivity.ONLINE, Quality.BAD, age=3),
    Sample("SHW-004", Connectivity.ONLINE, Quality.GOOD, age=1, clock_ahead=95),
    Sample("SHW-005", Connectivity.STALE, Quality.GOOD, age=420),
    Sample("SHW-006", Connectivity.OFFLINE, Quality.GOOD, age=8000),
    Sample("SHW-007", Connectivity.NEVER_SEEN, None),
    Sample("SHW-008", None, None),
)
PICTURED_SAMPLE = Sample("SHW-001", Connectivity.ONLINE, Quality.GOOD)
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


def style_page(now_us: int) -> StylePage:
    """Describe a sample of every component."""
    states = [machine_of(sample, "robot", now_us) for sample in SAMPLES]
    pictured = [machine_of(PICTURED_SAMPLE, kind, now_us) for kind in KINDS]
    return StylePage(
        words=texts.words(),
        tokens=TOKENS,
        spark_buckets=charts.SPARK_BUCKETS,
        tiles=tuple(machine_tile(state) for state in states),
        rows=tuple(sensor_row(in_display_order(state.sensors)[0]) for state in states[:7]),
        banners=tuple(FeedBanner(feed, sentence(feed)) for feed in FEEDS),
        schematics=tuple(schematic(machine_tile(state)) for state in pictured),
    )


def sentence(feed: str) -> str:
    """Write the sentence that the feed bar shows in this state; empty while it is live."""
    text = str(texts.FEED.get(feed, "")).format(
        duration=texts.duration_text(7), time=MOMENT, code=4400
    )
    if feed not in ("down", "stopped"):
        return text
    return f"{text} {texts.VALUES_FROM.format(time=MOMENT)}"


def machine_of(sample: Sample, kind: str, now_us: int) -> MachineState:
    """Make the state of a sample; its first sensor has the quality, the others are good."""
    sensors = {name: describe(sample.machine_id, name) for name in UNITS}
    return MachineState(
        machine=MachineDescription(
            pk=0,
            machine_id=sample.machine_id,
            name="A machine",
            kind=kind,
            site="Site",
            area="Area",
            line="Line",
            active=True,
            sensors=sensors,
        ),
        sensors=tuple(
            sensor_of(sample, sensor, now_us, is_first=index == 0)
            for index, sensor in enumerate(sensors.values())
        ),
        connectivity=sample.connectivity,
        last_seen_at=None,
    )


def sensor_of(
    sample: Sample, sensor: SensorDescription, now_us: int, *, is_first: bool
) -> SensorState:
    """Make the state of a sample's sensor; without a quality it has no reading."""
    if sample.quality is None:
        return SensorState(sensor, is_unknown=sample.connectivity is None)
    received_at = now_us - sample.age * SECOND_US
    reading = LiveReading(
        machine_id=sensor.machine_id,
        sensor_id=sensor.id,
        sensor_type=sensor.name,
        unit=sensor.unit,
        measured_at=received_at + sample.clock_ahead * SECOND_US,
        received_at=received_at,
        value=85.4321987,
        quality=sample.quality if is_first else Quality.GOOD,
        metadata={},
    )
    return sensor_state(sensor, reading, now_us=now_us)


def describe(machine_id: str, name: str) -> SensorDescription:
    """Make a sensor of a sample."""
    return SensorDescription(
        id=0,
        machine_id=machine_id,
        name=name,
        type_slug=name,
        type_name=name,
        unit=UNITS[name],
        minimum=0,
        maximum=200,
        stale_seconds=300,
    )
