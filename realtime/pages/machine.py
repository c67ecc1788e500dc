"""What a machine's page shows beside its values: the picture, what happened, what was said last."""

from django.utils.translation import gettext as _

from realtime.presentation import texts
from realtime.presentation.events import Event, Silence, recent_events
from realtime.presentation.schematics import spots
from realtime.presentation.view_models import Shown, local, shown_machine
from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.messages import effective_time
from sensors.timestamps import SECOND_US, format_us, parse_rfc3339
from sensors.twins.representation import OFFLINE_FACTOR


def machine_shown(description: MachineDescription, machine: Shown, now_us: int) -> Shown:
    """The machine for its template; `machine` is its JSON."""
    shown = shown_machine(machine)
    shown["sensors"] = [
        sensor_row(sensor, description.sensors.get(sensor["sensor_type"]))
        for sensor in shown["sensors"]
    ]
    shown["spots"] = spots(shown["icon"], shown["sensors"])
    shown["schematic"] = f"realtime/schematics/{shown['icon']}.html"
    events, silences = recent_events(description, now_us)
    return {
        "machine": shown,
        "events": [event_shown(event, now_us) for event in events],
        "since": since_text(machine, silences, now_us),
        "said": said_last(shown["sensors"], now_us),
    }


def sensor_row(sensor: Shown, described: SensorDescription | None) -> Shown:
    """Add to the sensor the facts that its row on the machine's page prints."""
    stale_after = texts.duration_text(sensor["stale_seconds"])
    return sensor | range_of(sensor, described) | {"stale_after": stale_after}


def range_of(sensor: Shown, described: SensorDescription | None) -> Shown:
    """The sensor's range, and where its value stands in it: 0 to 100."""
    if described is None:
        return {"range": "", "minimum": None, "maximum": None, "mark": 0}
    low, high = described.minimum, described.maximum
    value = sensor["latest"]["value"] if sensor["latest"] else None
    share = 0.0 if value is None else (value - low) / (high - low)
    return {
        "range": _("{low} to {high}").format(
            low=texts.number_text(low), high=texts.number_text(high)
        ),
        "minimum": low,
        "maximum": high,
        # Its own width is 1.5.
        "mark": round(min(1.0, max(0.0, share)) * 98.5, 2),
    }


def event_shown(event: Event, now_us: int) -> Shown:
    return {
        "datetime": format_us(event.at),
        "time": time_text(event.at, now_us=now_us),
        "sentence": event.sentence,
    }


def time_text(us: int, *, now_us: int) -> str:
    """The moment in the plant's time, with its date unless that is today's."""
    moment = local(us)
    is_today = moment.date() == local(now_us).date()
    return moment.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def since_text(machine: Shown, silences: list[Silence], now_us: int) -> str:
    """Since when it is as it is; what began before the known readings says so."""
    heard = [sensor["latest"] for sensor in machine["sensors"] if sensor["latest"]]
    if not heard or machine["connectivity"] == "unknown":
        return ""
    if machine["connectivity"] == "online":
        if not silences:
            return ""
        word = _("since {time}") if silences[-1].is_known else _("since at least {time}")
        return word.format(time=time_text(silences[-1].end, now_us=now_us))
    return _("since {time}").format(time=time_text(_silent_since(machine), now_us=now_us))


def _silent_since(machine: Shown) -> int:
    """When the last of its sensors went stale, or the machine offline."""
    heard = [sensor for sensor in machine["sensors"] if sensor["latest"]]
    if machine["connectivity"] == "offline":
        longest: int = max(sensor["stale_seconds"] for sensor in machine["sensors"])
        last = max(_effective_at(sensor["latest"]) for sensor in heard)
        return last + OFFLINE_FACTOR * longest * SECOND_US
    return max(
        _effective_at(sensor["latest"]) + int(sensor["stale_seconds"]) * SECOND_US
        for sensor in heard
    )


def _effective_at(latest: Shown) -> int:
    return effective_time(parse_rfc3339(latest["timestamp"]), parse_rfc3339(latest["received_at"]))


def said_last(sensors: list[Shown], now_us: int) -> Shown | None:
    """The machine's newest reading in the device's own words, and what its clock is worth."""
    heard = [sensor for sensor in sensors if sensor["latest"]]
    if not heard:
        return None
    sensor = max(heard, key=lambda one: str(one["latest"]["received_at"]))
    latest = sensor["latest"]
    return {
        "label": sensor["label"],
        "number": sensor["number"],
        "sign": sensor["sign"],
        "measured": time_text(parse_rfc3339(latest["timestamp"]), now_us=now_us),
        "received": time_text(parse_rfc3339(latest["received_at"]), now_us=now_us),
        "clock": clock_sentence(texts.skew_seconds(latest)),
        "metadata": list(latest["metadata"].items()),
    }


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
