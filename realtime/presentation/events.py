"""Events of a machine, as far as its stored readings show them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from django.utils.translation import gettext as _

from realtime.presentation import texts
from sensors.catalogue.descriptions import MachineDescription
from sensors.history.queries.changes import Change, reading_changes
from sensors.history.queries.conflicts import newest_conflicts
from sensors.timestamps import DAY_US, SECOND_US

MAX_EVENTS = 20


class Event(NamedTuple):
    """A moment (microseconds since 1970 UTC) with its sentence."""

    at: int
    sentence: str


class Silence(NamedTuple):
    """A time from `start` to `end` without a fresh sensor; `is_known`: readings precede it."""

    start: int
    end: int
    is_known: bool = True


def recent_events(machine: MachineDescription, now_us: int) -> tuple[list[Event], list[Silence]]:
    """Find the newest events of the last day, newest first, and the silences, oldest first.

    Two queries, however much the machine sent.
    """
    sensors = list(machine.sensors.values())
    changes = reading_changes(sensors, start=now_us - DAY_US, end=now_us)
    silences = machine_silences(changes)
    events = [
        *connectivity_changes(silences),
        *sensor_silences(changes, silences),
        *quality_changes(changes),
        *conflicts(machine),
    ]
    return sorted(events, reverse=True)[:MAX_EVENTS], silences


def machine_silences(changes: Sequence[Change]) -> list[Silence]:
    """Find when all sensors that ever sent a reading were stale at once, oldest first."""
    by_sensor = groupby(
        sorted(changes, key=lambda change: (change.sensor.id, change.at)),
        key=lambda change: change.sensor.id,
    )
    common: list[Silence] | None = None
    for _sensor_id, own_changes in by_sensor:
        own = list(_silences(own_changes))
        common = own if common is None else _intersections(common, own)
    return common or []


def _silences(changes: Iterable[Change]) -> Iterable[Silence]:
    """Yield the silences of a sensor; the first ends with its oldest reading that was read."""
    is_first = True
    for change in changes:
        if is_first:
            yield Silence(0, change.before_at or change.at, is_known=False)
            is_first = False
        if change.is_silence and change.before_at is not None:
            yield Silence(change.before_at + change.sensor.stale_seconds * SECOND_US, change.at)


def _intersections(silences: Sequence[Silence], others: Sequence[Silence]) -> list[Silence]:
    return [
        Silence(max(a.start, b.start), min(a.end, b.end), a.is_known and b.is_known)
        for a in silences
        for b in others
        if max(a.start, b.start) < min(a.end, b.end)
    ]


def connectivity_changes(silences: Iterable[Silence]) -> Iterable[Event]:
    """Report the ends of the machine's silences."""
    for silence in silences:
        if silence.is_known:
            yield Event(silence.start, str(texts.EVENTS["stale"]))
            yield Event(silence.end, str(texts.EVENTS["online"]))


def sensor_silences(changes: Iterable[Change], silences: Sequence[Silence]) -> Iterable[Event]:
    """Report the silences of one sensor while other sensors sent readings."""
    ends = {silence.end for silence in silences if silence.is_known}
    for change in changes:
        if change.is_silence and change.before_at is not None and change.at not in ends:
            silent = texts.duration_text((change.at - change.before_at) / SECOND_US)
            sensor = texts.sensor_label(change.sensor.name)
            sentence = _("{sensor}: no data for {duration}")
            yield Event(change.at, sentence.format(sensor=sensor, duration=silent))


def quality_changes(changes: Iterable[Change]) -> Iterable[Event]:
    """Report changes of quality."""
    for change in changes:
        if change.before is not None and change.before != change.after:
            yield Event(
                change.at,
                str(texts.EVENTS["quality"]).format(
                    sensor=texts.sensor_label(change.sensor.name),
                    before=texts.QUALITIES[change.before.word],
                    after=texts.QUALITIES[change.after.word],
                ),
            )


def conflicts(machine: MachineDescription) -> Iterable[Event]:
    """Report second values for a time that the history already held."""
    names = {sensor.id: sensor.name for sensor in machine.sensors.values()}
    sentence = _("{sensor}: conflicting value {second} for the same time rejected; {first} kept")
    for conflict in newest_conflicts(list(names), limit=MAX_EVENTS):
        yield Event(
            conflict.received_at,
            sentence.format(
                sensor=texts.sensor_label(names[conflict.sensor_id]),
                second=texts.number_text(conflict.value),
                first=texts.number_text(conflict.stored_value),
            ),
        )
