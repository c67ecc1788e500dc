"""The twins as API and pages show them: what the database knows, with the live values."""

from collections.abc import Sequence
from typing import Any

from sensors.catalogue.descriptions import MachineDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.messages import LiveReading, position_key
from sensors.store.sync import get_sync_store
from sensors.timestamps import format_us
from sensors.twins.representation import machine_json

# History is a few entries behind; who is this far behind starts with a snapshot.
MAX_STEPS = 50


def plant(now_us: int) -> list[dict[str, Any]]:
    """Every machine as JSON, by site, line and machine_id.

    Raises LogUnavailable.
    """
    found = machine_descriptions().values()
    return twins(sorted(found, key=lambda one: (one.site, one.line, one.machine_id)), now_us)


def twins(machines: Sequence[MachineDescription], now_us: int) -> list[dict[str, Any]]:
    """These machines as JSON, in their order, with one call of Redis. Raises LogUnavailable."""
    snapshots = get_sync_store().snapshots([machine.machine_id for machine in machines])
    return [
        machine_json(machine, found.readings, now_us=now_us)
        for machine, found in zip(machines, snapshots, strict=True)
    ]


def twin(machine_id: str, now_us: int) -> dict[str, Any] | None:
    """`{"machine", "cursor", "server_time"}`; None for an unknown machine.

    All of the machine's readings up to the cursor are in the database: a page that then loads
    its history and opens its socket with this cursor has no gap. The cursor is None while nobody
    can tell. Raises LogUnavailable.
    """
    machine = machine_descriptions(machine_id).get(machine_id)
    if machine is None:
        return None
    [found] = get_sync_store().snapshots([machine_id])
    return {
        "machine": machine_json(machine, found.readings, now_us=now_us),
        "cursor": _stored_cursor(found.epoch, found.position),
        "server_time": format_us(now_us),
    }


def latest_readings(machine_id: str) -> tuple[LiveReading, ...]:
    """The newest reading of each sensor of the machine. Raises LogUnavailable."""
    return get_sync_store().snapshots([machine_id])[0].readings


def _stored_cursor(epoch: str, position: str) -> str | None:
    """The machine's newest entry that is in the database, walking back from its newest."""
    store = get_sync_store()
    stored_epoch, stored = store.stored()
    if not epoch or stored_epoch != epoch:
        return None
    here: str | None = position
    for _ in range(MAX_STEPS):
        if here is None or position_key(here) <= position_key(stored):
            return here and f"{epoch}.{here}"
        here = store.entry_before(here)
    return None
