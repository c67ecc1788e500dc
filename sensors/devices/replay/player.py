"""Replay of a recording by its schedule: in order, nothing dropped, little in memory."""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from sensors.devices.replay.columns import Mapping
from sensors.devices.replay.recording import RecordedRow, Recording, RecordingRefused, Survey
from sensors.devices.replay.schedule import Schedule
from sensors.devices.sending.answers import SendingStopped, Tally
from sensors.devices.sending.outbox import BATCH_READINGS, by_machine
from sensors.devices.sending.sender import Sender
from sensors.timestamps import SECOND_US, format_us, now_us

# RATE_LIMIT allows a device key 100 requests a second; retries need room as well.
SHORTEST_PAUSE = 1 / 50
# The wall clock may step during a sleep, so it is read at least this often.
LONGEST_PAUSE = 1.0
# The file is read while a batch is in flight; more batches need not wait in memory.
BUFFERED_BATCHES = 2
# Codes that every further batch would get as well.
HOPELESS = ("machine-not-allowed", "unknown-machine", "machine-retired", "invalid-machine-id")

Step = float | list[RecordedRow]


async def survey(recording: Recording, recorded: Survey) -> None:
    """Read the whole file once, so that nothing of a malformed file is posted.

    Raises RecordingRefused, also for a file without a value.
    """
    for row in recording.rows():
        recorded.add(row)
        if recorded.rows % BATCH_READINGS == 0:
            await asyncio.sleep(0)  # lets a signal handler run
    if not recorded.readings:
        raise RecordingRefused(f"{recording.path} has no value in the mapped columns.")


async def play(
    recording: Recording, recorded: Survey, schedule: Schedule, *, machine_id: str, sender: Sender
) -> None:
    """Post every row of the survey and wait for the answers.

    Raises SendingStopped when no row can ever be accepted, RecordingRefused when the file changed.
    """
    rows = islice(recording.rows(), recorded.rows)
    for step in steps(rows, schedule, now=now_us):
        if isinstance(step, float):
            await asyncio.sleep(step)
        else:
            readings = payloads(step, recording.mappings, schedule, machine_id=machine_id)
            await sender.queue(by_machine(readings))
            await asyncio.sleep(0)  # rows without a value make no request to wait for
        sender.check()
        _stop_if_hopeless(sender.tally, machine_id)
    await sender.settled()


def steps(
    rows: Iterator[RecordedRow], schedule: Schedule, *, now: Callable[[], int]
) -> Iterator[Step]:
    """Yield seconds to wait, or the rows that are due, as many as fill a batch."""
    due, readings = list[RecordedRow](), 0
    for row in rows:
        while (wait := schedule.due(row.measured_at) - now()) > 0:
            if due:
                yield due
                due, readings = [], 0
            yield min(LONGEST_PAUSE, max(SHORTEST_PAUSE, wait / SECOND_US))
        due.append(row)
        readings += max(1, row.readings)
        if readings >= BATCH_READINGS:
            yield due
            due, readings = [], 0
    if due:
        yield due


def payloads(
    rows: Sequence[RecordedRow], mappings: Sequence[Mapping], schedule: Schedule, *, machine_id: str
) -> Iterator[dict[str, Any]]:
    """Yield the readings of the rows as the API takes them (docs/api.md), row by row."""
    for row in rows:
        timestamp = format_us(schedule.stamp(row.measured_at))
        for mapping, value in zip(mappings, row.values, strict=True):
            if value is None:
                continue
            is_number = not math.isnan(value)
            yield {
                "machine_id": machine_id,
                "sensor_type": mapping.sensor_type,
                "value": value if is_number else None,
                "unit": mapping.unit,
                "timestamp": timestamp,
                # NaN: the recorder asked and the sensor returned no value.
                "quality": "good" if is_number else "bad",
            }


def _stop_if_hopeless(tally: Tally, machine_id: str) -> None:
    for code in HOPELESS:
        if refusal := tally.refusals.get((machine_id, code)):
            raise SendingStopped(f"The server accepts nothing for {machine_id}: {refusal.detail}")
