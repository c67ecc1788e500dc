"""Reads of the log for those who join, resume or missed something."""

from collections.abc import Sequence
from typing import Any

from realtime.hub.followers import LogRead, LogReadResult, ReadKind
from realtime.protocol import Cursor, Greeting
from sensors.catalogue.cache import get_catalogue
from sensors.messages import START, Snapshot, position_key
from sensors.store.store import get_store
from sensors.timestamps import now_us
from sensors.twins.representation import latest_json, machine_json

# Of so many machines in one call, so that none keeps the others from Redis for long.
SNAPSHOT_MACHINES = 200


async def answer_of(job: LogRead) -> LogReadResult:
    """Read what the job asks for. Raises LogUnavailable."""
    machine_id = job.feed.machine_id
    if machine_id is None:
        return LogReadResult(await dashboard_greeting())
    if job.need is ReadKind.FILL:
        return LogReadResult(missed=await get_store().missed(machine_id, job.after))
    greeting = await machine_greeting(machine_id)
    if job.need is ReadKind.SNAPSHOT:
        return LogReadResult(greeting)
    return await _resumed(machine_id, Cursor(job.epoch, job.after), greeting)


async def _resumed(machine_id: str, cursor: Cursor, greeting: Greeting) -> LogReadResult:
    """The greeting, with what came after the cursor if that is a place in this log."""
    is_ahead = position_key(cursor.position) > position_key(greeting.position)
    if cursor.epoch != greeting.epoch or is_ahead:
        return LogReadResult(greeting)
    missed = await get_store().missed(machine_id, cursor.position)
    if missed.entries is None or missed.epoch != cursor.epoch:
        return LogReadResult(greeting)
    return LogReadResult(greeting, missed)


async def machine_greeting(machine_id: str) -> Greeting:
    """The machine's latest values with the position they are right for."""
    [snapshot] = await get_store().snapshots([machine_id])
    values = {"readings": await _latest([machine_id], [snapshot]), "alarms": []}
    return Greeting(machine_id, snapshot.epoch, snapshot.position, values)


async def dashboard_greeting() -> Greeting:
    """The newest of everything, right for the log's last position before it was read."""
    machines = (await get_catalogue().current()).machines
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
    return Greeting(None, epoch, position, values)


async def _end_of_log(machine_ids: Sequence[str]) -> tuple[str, str]:
    """(epoch, newest position), also of a log that was trimmed until it is empty."""
    epoch, newest, _ = await get_store().positions([])
    if newest == START:
        epoch, newest, found = await get_store().positions(machine_ids)
        newest = max([newest, *found], key=position_key)
    return epoch, newest


async def latest_readings(machine_ids: Sequence[str] | None) -> list[Any]:
    """The latest readings of these machines; None stands for all."""
    if machine_ids is None:
        machine_ids = list((await get_catalogue().current()).machines)
    return await _latest(machine_ids, await _snapshots(machine_ids))


async def _snapshots(machine_ids: Sequence[str]) -> list[Snapshot]:
    found: list[Snapshot] = []
    for at in range(0, len(machine_ids), SNAPSHOT_MACHINES):
        found += await get_store().snapshots(machine_ids[at : at + SNAPSHOT_MACHINES])
    return found


async def _latest(machine_ids: Sequence[str], snapshots: Sequence[Snapshot]) -> list[Any]:
    machines = (await get_catalogue().current()).machines
    now = now_us()
    return [
        latest_json(reading, machines.get(machine_id), now_us=now)
        for machine_id, snapshot in zip(machine_ids, snapshots, strict=True)
        for reading in snapshot.readings
    ]
