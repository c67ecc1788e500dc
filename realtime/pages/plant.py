"""What the pages show: the twins, with the words that people read beside what scripts read."""

from django.conf import settings

from realtime.pages.machine import machine_shown
from realtime.presentation import board, charts, texts
from realtime.presentation.board import Wanted
from realtime.presentation.view_models import Shown, local, shown_machine
from realtime.protocol import close_codes
from sensors.catalogue.descriptions import MachineDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.exceptions import LogUnavailable
from sensors.store.sync import get_sync_store
from sensors.timestamps import format_us
from sensors.twins.representation import machine_json
from sensors.twins.selectors import plant, twin

# More than a few screens full: tiles off the screen are not laid out.
MANY = 60
HISTORY_URL = "/api/v1/sensors/readings"


def plant_page(now_us: int, wanted: Wanted) -> Shown:
    """All machines by line, those that need someone first; values unknown without Redis."""
    try:
        machines, feed = plant(now_us), "connecting"
    except LogUnavailable:
        descriptions = machine_descriptions().values()
        machines, feed = [unknown(one, now_us) for one in descriptions], "down"
    shown = [shown_machine(machine) for machine in machines]
    for machine in shown:
        machine["is_shown"] = not machine["active"] or wanted.takes(machine)
    active = [machine for machine in shown if machine["active"]]
    return live([slim(machine) for machine in machines], feed, now_us) | {
        "wanted": wanted,
        "groups": board.grouped(active, wanted.order),
        "is_many": len(active) > MANY,
        "none_shown": not any(machine["is_shown"] for machine in active),
        "retired": [machine for machine in shown if not machine["active"]],
        "summary": board.summary(active, wanted.state),
        # Who did not answer is not asked again: each question may take its second.
        "counters": None if feed == "down" else counters(),
        "readings_url": HISTORY_URL,
        "spark_buckets": charts.SPARK_BUCKETS,
        "spark_bucket_seconds": charts.SPARK_BUCKET_SECONDS,
    }


def machine_page(machine_id: str, now_us: int, minutes: str = "") -> Shown | None:
    """One machine, its charts `minutes` long; None when it is not known."""
    description = machine_descriptions(machine_id).get(machine_id)
    if description is None:
        return None
    try:
        found, feed = twin(machine_id, now_us), "connecting"
    except LogUnavailable:
        found, feed = {"machine": unknown(description, now_us), "cursor": ""}, "down"
    if found is None:
        return None
    return live([found["machine"]], feed, now_us) | {
        **machine_shown(description, found["machine"], now_us),
        "pk": description.pk,
        "cursor": found["cursor"] or "",
        "history_url": HISTORY_URL,
        "spans": charts.span_choices(minutes),
        "live_seconds": charts.LIVE_SPAN.seconds,
    }


def live(machines: list[Shown], feed: str, now_us: int) -> Shown:
    """What every live page says of itself, and the state its script begins with."""
    return {
        "feed": feed,
        "words": texts.words(),
        "close_codes": close_codes(),
        "first_state": {"machines": machines, "server_time": format_us(now_us)},
        "heartbeat_seconds": settings.HEARTBEAT_SECONDS,
        "stale_seconds": settings.DEFAULT_STALE_SECONDS,
        "time_zone": settings.TIME_ZONE,
        "server_time": local(now_us),
        "in_memory": get_sync_store().in_memory,
    }


def unknown(machine: MachineDescription, now_us: int) -> Shown:
    """A machine of which only the database could be asked."""
    return machine_json(machine, [], now_us=now_us) | {"connectivity": "unknown"}


def slim(machine: Shown) -> Shown:
    """As much of a machine as the plant's script needs: 500 of them go with the page."""

    def latest(reading: Shown | None) -> Shown | None:
        fields = ("timestamp", "received_at", "value", "quality")
        return reading and {name: reading[name] for name in fields}

    sensors = [
        {name: sensor[name] for name in ("sensor_type", "stale_seconds")}
        | {"latest": latest(sensor["latest"])}
        for sensor in machine["sensors"]
    ]
    return {name: machine[name] for name in ("machine_id", "connectivity")} | {"sensors": sensors}


def counters() -> dict[str, int] | None:
    try:
        return get_sync_store().counters()
    except LogUnavailable:
        return None
