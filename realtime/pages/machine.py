"""The page of a machine: its picture, its sensors, its events and its last message."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from realtime.pages.live_page import HISTORY_URL, live_feed
from realtime.presentation import charts, texts
from realtime.presentation.events import Event, Silence, recent_events
from realtime.presentation.machines import (
    in_display_order,
    machine_tile,
    sensor_row,
    sensor_value,
    skew_seconds,
)
from realtime.presentation.moments import time_text
from realtime.presentation.schematics import schematic
from realtime.presentation.view_models import EventLine, LastMessage, MachinePage
from sensors.catalogue.selectors import machine_descriptions
from sensors.enums import Connectivity
from sensors.exceptions import LogUnavailable
from sensors.messages import LiveReading
from sensors.scopes import Scope
from sensors.timestamps import SECOND_US, format_us
from sensors.twins.representation import state_json
from sensors.twins.selectors import Twin, twin
from sensors.twins.states import OFFLINE_FACTOR, MachineState, SensorState, unknown_state


def machine_page(
    scope: Scope, machine_id: str, now_us: int, minutes: str = ""
) -> MachinePage | None:
    """Describe a machine of the scope with charts `minutes` long; None for any other machine.

    Without Redis its values are unknown.
    """
    try:
        found, is_down = twin(scope, machine_id, now_us), False
    except LogUnavailable:
        found, is_down = _twin_without_redis(scope, machine_id), True
    if found is None:
        return None
    state, words = found.state, texts.words()
    tile = machine_tile(state)
    sensors = in_display_order(state.sensors)
    events, silences = recent_events(state.machine, now_us)
    return MachinePage(
        live=live_feed([state_json(state)], words, now_us, is_down=is_down),
        words=words,
        pk=state.machine.pk,
        machine=tile,
        rows=tuple(sensor_row(sensor) for sensor in sensors),
        schematic=schematic(tile),
        events=tuple(event_line(event, now_us) for event in events),
        since=since_text(state, silences, now_us),
        last_message=last_message(sensors, now_us),
        cursor=found.cursor or "",
        history_url=HISTORY_URL,
        spans=charts.span_choices(minutes),
        live_seconds=charts.LIVE_SPAN.seconds,
    )


def _twin_without_redis(scope: Scope, machine_id: str) -> Twin | None:
    description = machine_descriptions(scope, machine_id).get(machine_id)
    return Twin(unknown_state(description), cursor=None) if description else None


def event_line(event: Event, now_us: int) -> EventLine:
    """Write the event's moment in the plant's time."""
    return EventLine(format_us(event.at), time_text(event.at, now_us=now_us), event.sentence)


def since_text(state: MachineState, silences: Sequence[Silence], now_us: int) -> str:
    """Write since when the machine has its connectivity; empty where no reading shows it.

    A connectivity older than the readings of `silences` is marked as such.
    """
    if state.connectivity is None or not _readings(state.sensors):
        return ""
    if state.connectivity is Connectivity.ONLINE:
        if not silences:
            return ""
        word = _("since {time}") if silences[-1].is_known else _("since at least {time}")
        return word.format(time=time_text(silences[-1].end, now_us=now_us))
    return _("since {time}").format(time=time_text(_silent_since(state), now_us=now_us))


def _silent_since(state: MachineState) -> int:
    """Return when the last of its sensors went stale, or when the machine went offline."""
    readings = _readings(state.sensors)
    if state.connectivity is Connectivity.OFFLINE:
        longest = max(sensor.sensor.stale_seconds for sensor in state.sensors)
        newest = max(reading.effective_at for _sensor, reading in readings)
        return newest + OFFLINE_FACTOR * longest * SECOND_US
    return max(
        reading.effective_at + sensor.sensor.stale_seconds * SECOND_US
        for sensor, reading in readings
    )


def _readings(sensors: Sequence[SensorState]) -> list[tuple[SensorState, LiveReading]]:
    """Return the sensors that have a reading, each with its reading."""
    return [(sensor, sensor.reading) for sensor in sensors if sensor.reading]


def last_message(sensors: Sequence[SensorState], now_us: int) -> LastMessage | None:
    """Describe the reading that arrived last, with its metadata and the device's clock."""
    readings = _readings(sensors)
    if not readings:
        return None
    sensor, reading = max(readings, key=lambda pair: pair[1].received_at)
    value = sensor_value(sensor)
    return LastMessage(
        label=value.label,
        number=value.number,
        sign=value.sign,
        measured=time_text(reading.measured_at, now_us=now_us),
        received=time_text(reading.received_at, now_us=now_us),
        clock=clock_sentence(skew_seconds(sensor)),
        metadata=tuple(reading.metadata.items()),
    )


def clock_sentence(skew: float) -> str:
    """Compare a stamp with its arrival; `skew` is by how many seconds it was ahead.

    A slow clock and a slow network look the same: for an early stamp the sentence names neither.
    """
    duration = texts.duration_text(abs(skew))
    if abs(skew) <= texts.AHEAD_SECONDS:
        return _("in sync ({duration})").format(duration=duration)
    if skew > 0:
        return _("{duration} ahead of the server").format(duration=duration)
    return _("Measured {duration} before it arrived").format(duration=duration)
