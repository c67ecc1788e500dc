"""View models of machines and their sensors, made from their states."""

from collections.abc import Sequence

from django.utils.text import slugify
from django.utils.translation import gettext as _

from realtime.presentation import texts
from realtime.presentation.view_models import MachineTile, SensorRow, SensorValue
from sensors.catalogue.descriptions import MachineDescription
from sensors.timestamps import SECOND_US, format_us
from sensors.twins.states import MachineState, SensorState

# The kinds that have a picture (static/icons/kinds.svg); all other kinds share one.
PICTURED = {"machining-centre", "mill", "lathe", "robot", "press", "pump"}
# The quantities that stand first on a tile and on a machine's page, in this order.
FIRST = ("temperature", "vibration", "speed", "pressure", "current", "flow")
# The mark of a value is 1.5 wide on a bar from 0 to 100.
MARK_RANGE = 98.5


def machine_tile(state: MachineState) -> MachineTile:
    """Describe a machine in words and figures, with its urgency."""
    machine = state.machine
    sensors = tuple(sensor_value(sensor) for sensor in in_display_order(state.sensors))
    qualities = {sensor.sensor_type: sensor.quality for sensor in sensors}
    worst = texts.worst_quality(qualities.values())
    is_stale = any(sensor.is_stale for sensor in sensors)
    connectivity = state.connectivity_name
    return MachineTile(
        machine_id=machine.machine_id,
        name=machine.name,
        kind=machine.kind,
        site=machine.site,
        area=machine.area,
        line=machine.line,
        location=" / ".join(part for part in (machine.site, machine.area, machine.line) if part),
        is_active=machine.active,
        icon=picture(machine.kind),
        connectivity=connectivity,
        connectivity_word=str(texts.CONNECTIVITY[connectivity]),
        worst=worst,
        quality_note=texts.quality_note(qualities, worst),
        seen=seen_text(state.sensors),
        urgency=texts.urgency(connectivity, worst, some_stale=is_stale),
        search=search_text(machine),
        sensors=sensors,
    )


def in_display_order(sensors: Sequence[SensorState]) -> list[SensorState]:
    """Sort sensors by the importance of their quantity, then by name."""
    return sorted(sensors, key=_display_order)


def _display_order(state: SensorState) -> tuple[int, str]:
    name = state.sensor.name
    quantity = name.partition(".")[0]
    return FIRST.index(quantity) if quantity in FIRST else len(FIRST), name


def picture(kind: str) -> str:
    """Return the name of the kind's icon and schematic."""
    name = slugify(kind)
    return name if name in PICTURED else "machine"


def search_text(machine: MachineDescription) -> str:
    """Join all texts that the search looks in, in small letters."""
    names = (machine.machine_id, machine.name, machine.kind)
    return " ".join((*names, machine.site, machine.area, machine.line)).lower()


def seen_text(sensors: Sequence[SensorState]) -> str:
    """Write how long ago the youngest reading was; a dash without a reading."""
    ages = [sensor.age_seconds for sensor in sensors if sensor.age_seconds is not None]
    return _("{age} ago").format(age=texts.age_text(min(ages))) if ages else "–"


def sensor_value(state: SensorState) -> SensorValue:
    """Describe a sensor and its newest reading in words and figures."""
    sensor, reading = state.sensor, state.reading
    value = reading.value if reading else None
    quality = reading.quality.word if reading else "none"
    full = texts.full_text(value)
    return SensorValue(
        machine_id=sensor.machine_id,
        sensor_type=sensor.name,
        label=texts.sensor_label(sensor.name),
        stale_seconds=sensor.stale_seconds,
        sign=texts.unit_sign(sensor.unit),
        number=texts.number_text(value),
        full=full,
        full_number=texts.decimal(full),
        quality=quality,
        quality_word=texts.quality_word(quality, is_unknown=state.is_unknown),
        is_stale=state.is_stale,
        clock_word=texts.clock_word(skew_seconds(state)),
        age_text=texts.age_text(state.age_seconds),
        timestamp=format_us(reading.measured_at) if reading else "",
    )


def skew_seconds(state: SensorState) -> float:
    """Return how far the device's stamp was ahead of its arrival; negative for behind."""
    reading = state.reading
    return (reading.measured_at - reading.received_at) / SECOND_US if reading else 0.0


def sensor_row(state: SensorState) -> SensorRow:
    """Add the sensor's range to its value, and where in the range the value lies."""
    low, high = state.sensor.minimum, state.sensor.maximum
    value = state.reading.value if state.reading else None
    share = 0.0 if value is None else (value - low) / (high - low)
    return SensorRow(
        sensor=sensor_value(state),
        range=_("{low} to {high}").format(low=texts.number_text(low), high=texts.number_text(high)),
        minimum=low,
        maximum=high,
        stale_after=texts.duration_text(state.sensor.stale_seconds),
        mark=round(min(1.0, max(0.0, share)) * MARK_RANGE, 2),
    )
