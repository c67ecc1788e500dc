"""What happened to a machine lately, as far as its stored readings can honestly tell."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from django.utils.translation import gettext as _

from realtime.presentation import texts
from sensors.catalogue.descriptions import MachineDescription
from sensors.history.queries.changes import Change, reading_changes
from sensors.models import ConflictingReading
from sensors.timestamps import DAY_US, SECOND_US

MAX_EVENTS = 20


class Event(NamedTuple):
    """What happened at a moment (microseconds since 1970 UTC), in a sentence."""

    at: int
    sentence: str


class Silence(NamedTuple):
    """No sensor was fresh from `start` to `end`; `is_known`: there were readings before it."""

    start: int
    end: int
    is_known: bool = True


def recent_events(machine: MachineDescription, now_us: int) -> tuple[list[Event], list[Silence]]:
    """The newest events of the last day, newest first, and the machine's silences, oldest first.

    Two queries, whatever the machine sent.
    """
    sensors = list(machine.sensors.values())
    changes = reading_changes(sensors, start=now_us - DAY_US, end=now_us)
    silences = machine_silences(changes)
    events = [
        *came_and_went(silences),
        *sensor_silences(changes, silences),
        *quality_changes(changes),
        *conflicts([sensor.id for sensor in sensors], machine),
    ]
    return sorted(events, reverse=True)[:MAX_EVENTS], silences


def machine_silences(changes: Sequence[Change]) -> list[Silence]:
    """When every sensor that was ever heard was stale at once, oldest first."""
    by_sensor = groupby(sorted(changes, key=lambda one: (one.sensor.id, one.at)), _sensor_id)
    common: list[Silence] | None = None
    for _id, found in by_sensor:
        own = list(_silences(found))
        common = own if common is None else _overlaps(common, own)
    return common or []


def _sensor_id(change: Change) -> int:
    return change.sensor.id


def _silences(changes: Iterable[Change]) -> Iterable[Silence]:
    """A sensor's: before its oldest known reading nothing is known of it."""
    is_first = True
    for change in changes:
        if is_first:
            yield Silence(0, change.before_at or change.at, is_known=False)
            is_first = False
        if change.is_silence and change.before_at is not None:
            yield Silence(change.before_at + change.sensor.stale_seconds * SECOND_US, change.at)


def _overlaps(ones: Sequence[Silence], others: Sequence[Silence]) -> list[Silence]:
    return [
        Silence(max(a.start, b.start), min(a.end, b.end), a.is_known and b.is_known)
        for a in ones
        for b in others
        if max(a.start, b.start) < min(a.end, b.end)
    ]


def came_and_went(silences: Iterable[Silence]) -> Iterable[Event]:
    for silence in silences:
        if silence.is_known:
            yield Event(silence.start, str(texts.EVENTS["stale"]))
            yield Event(silence.end, str(texts.EVENTS["online"]))


def sensor_silences(changes: Iterable[Change], known: Sequence[Silence]) -> Iterable[Event]:
    """Those of one sensor while others were heard."""
    ends = {silence.end for silence in known if silence.is_known}
    for change in changes:
        if change.is_silence and change.before_at is not None and change.at not in ends:
            silent = texts.duration_text((change.at - change.before_at) / SECOND_US)
            sensor = texts.sensor_label(change.sensor.name)
            sentence = _("{sensor}: no data for {duration}")
            yield Event(change.at, sentence.format(sensor=sensor, duration=silent))


def quality_changes(changes: Iterable[Change]) -> Iterable[Event]:
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


def conflicts(sensor_ids: Sequence[int], machine: MachineDescription) -> Iterable[Event]:
    """Second values for a moment that the history already held."""
    names = {sensor.id: sensor.name for sensor in machine.sensors.values()}
    rows = ConflictingReading.objects.filter(sensor_id__in=sensor_ids)[:MAX_EVENTS]
    sentence = _("{sensor}: conflicting value {second} for the same time rejected; {first} kept")
    for row in rows:
        yield Event(
            row.received_at,
            sentence.format(
                sensor=texts.sensor_label(names[row.sensor_id]),
                second=texts.number_text(row.value),
                first=texts.number_text(row.stored_value),
            ),
        )
