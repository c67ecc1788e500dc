"""Twins for the API and the pages: machines of the database with their live values."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sensors.catalogue.descriptions import MachineDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.messages import LiveReading, position_key
from sensors.scopes import Scope
from sensors.store.sync import get_sync_store
from sensors.twins.representation import state_json
from sensors.twins.states import MachineState, machine_state

# History is a few entries behind; a machine further behind starts with a snapshot.
MAX_STEPS = 50


class Twin(msgspec.Struct, frozen=True):
    """A machine's state with the cursor from which its socket continues."""

    state: MachineState
    cursor: str | None


def plant(scope: Scope, now_us: int) -> list[MachineState]:
    """Return the scope's machines by site, line and machine_id. Raises LogUnavailable."""
    machines = machine_descriptions(scope).values()
    return states(sorted(machines, key=lambda one: (one.site, one.line, one.machine_id)), now_us)


def twins(machines: Sequence[MachineDescription], now_us: int) -> list[dict[str, Any]]:
    """Return these machines as JSON, in their order. Raises LogUnavailable."""
    return [state_json(state) for state in states(machines, now_us)]


def states(machines: Sequence[MachineDescription], now_us: int) -> list[MachineState]:
    """Return these machines in their order, with one call of Redis. Raises LogUnavailable."""
    snapshots = get_sync_store().snapshots([machine.machine_id for machine in machines])
    return [
        machine_state(machine, snapshot.readings, now_us=now_us)
        for machine, snapshot in zip(machines, snapshots, strict=True)
    ]


def twin(scope: Scope, machine_id: str, now_us: int) -> Twin | None:
    """Return the machine with its cursor; None for a machine that is not in the scope.

    All of the machine's readings up to the cursor are in the database: a page that then loads
    its history and opens its socket with this cursor has no gap. The cursor is None while it
    cannot be determined. Raises LogUnavailable.
    """
    machine = machine_descriptions(scope, machine_id).get(machine_id)
    if machine is None:
        return None
    [snapshot] = get_sync_store().snapshots([machine_id])
    return Twin(
        state=machine_state(machine, snapshot.readings, now_us=now_us),
        cursor=_stored_cursor(snapshot.epoch, snapshot.position),
    )


def latest_readings(machine: MachineDescription) -> tuple[LiveReading, ...]:
    """Return the newest reading of each sensor of the machine. Raises LogUnavailable."""
    return get_sync_store().snapshots([machine.machine_id])[0].readings


def _stored_cursor(epoch: str, position: str) -> str | None:
    """Find the newest entry of the machine that is in the database, going back from its newest."""
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
