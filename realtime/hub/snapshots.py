"""Reads of the log for sockets that join, resume or missed entries."""

from collections.abc import Sequence
from typing import Any

from realtime.hub.followers import LogRead, LogReadResult, ReadKind
from realtime.protocol import Cursor, Greeting
from sensors.catalogue.cache import get_catalogue
from sensors.exceptions import ScriptFailed
from sensors.messages import START, MissedEntries, Snapshot, position_key
from sensors.scopes import Scope
from sensors.store.store import get_store
from sensors.timestamps import now_us
from sensors.twins.representation import latest_json, machine_json

# Machines in one call; more would block Redis for too long.
SNAPSHOT_MACHINES = 200


async def perform(read: LogRead) -> LogReadResult:
    """Read the log. Raises LogUnavailable."""
    machine_id = read.feed.machine_id
    if machine_id is None:
        return LogReadResult(await dashboard_greeting(read.feed.scope))
    if read.kind is ReadKind.FILL:
        return LogReadResult(missed=await _missed(machine_id, read.after))
    greeting = await machine_greeting(machine_id)
    if read.kind is ReadKind.SNAPSHOT:
        return LogReadResult(greeting)
    return await _resumed(machine_id, Cursor(read.epoch, read.after), greeting)


async def _missed(machine_id: str, position: str) -> MissedEntries:
    """Return the missed entries; None of them when the machine's chain cannot be followed.

    A script error would come again for every try: a snapshot goes around the broken entry.
    """
    try:
        return await get_store().log.missed(machine_id, position)
    except ScriptFailed:
        return MissedEntries("", position, None)


async def _resumed(machine_id: str, cursor: Cursor, greeting: Greeting) -> LogReadResult:
    """Return the greeting, with the entries after the cursor if that is a position in this log."""
    is_ahead = position_key(cursor.position) > position_key(greeting.position)
    if cursor.epoch != greeting.epoch or is_ahead:
        return LogReadResult(greeting)
    missed = await _missed(machine_id, cursor.position)
    if missed.entries is None or missed.epoch != cursor.epoch:
        return LogReadResult(greeting)
    return LogReadResult(greeting, missed)


async def machine_greeting(machine_id: str) -> Greeting:
    """Return the machine's latest values with the position of its newest entry."""
    [snapshot] = await get_store().latest.snapshots([machine_id])
    values = {"readings": await _latest([machine_id], [snapshot]), "alarms": []}
    return Greeting(machine_id, snapshot.epoch, snapshot.position, values)


async def dashboard_greeting(scope: Scope) -> Greeting:
    """Return the latest values of the scope, with the log's position before they were read."""
    machines = (await get_catalogue().current()).machines_in(scope)
    machine_ids = list(machines)
    epoch, position = await _end_of_log(machine_ids)
    snapshots = await _snapshots(machine_ids)
    now = now_us()
    values = {
        "readings": await _latest(machine_ids, snapshots),
        "alarms": [],
        "machines": [
            machine_json(machines[machine_id], snapshot.readings, now_us=now)
            for machine_id, snapshot in zip(machine_ids, snapshots, strict=True)
        ],
    }
    return Greeting(None, epoch, position, values, frozenset(machines))


async def _end_of_log(machine_ids: Sequence[str]) -> tuple[str, str]:
    """Return (epoch, newest position), also of a log that was trimmed until it is empty."""
    epoch, newest, _ = await get_store().latest.positions([])
    if newest == START:
        epoch, newest, positions = await get_store().latest.positions(machine_ids)
        newest = max([newest, *positions], key=position_key)
    return epoch, newest


async def scope_readings(scope: Scope) -> list[Any]:
    """Return the latest readings of all machines in the scope."""
    return await latest_readings(list((await get_catalogue().current()).machines_in(scope)))


async def latest_readings(machine_ids: Sequence[str]) -> list[Any]:
    """Return the latest readings of these machines."""
    return await _latest(machine_ids, await _snapshots(machine_ids))


async def _snapshots(machine_ids: Sequence[str]) -> list[Snapshot]:
    snapshots: list[Snapshot] = []
    for first in range(0, len(machine_ids), SNAPSHOT_MACHINES):
        names = machine_ids[first : first + SNAPSHOT_MACHINES]
        snapshots += await get_store().latest.snapshots(names)
    return snapshots


async def _latest(machine_ids: Sequence[str], snapshots: Sequence[Snapshot]) -> list[Any]:
    machines = (await get_catalogue().current()).machines
    now = now_us()
    return [
        latest_json(reading, machines.get(machine_id), now_us=now)
        for machine_id, snapshot in zip(machine_ids, snapshots, strict=True)
        for reading in snapshot.readings
    ]
