"""Posts a recording by its schedule: in order, nothing dropped, little in memory."""

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

# RATE_LIMIT grants a device key 100 requests a second; what is posted again needs room as well.
SHORTEST_PAUSE = 1 / 50
# The wall clock may step while we sleep: look again at least this often.
LONGEST_PAUSE = 1.0
# The file is read while a batch is under way; more need not wait in memory.
BUFFERED_BATCHES = 2
# What would be said of every further batch as well.
HOPELESS = ("machine-not-allowed", "unknown-machine", "machine-retired", "invalid-machine-id")

Turn = float | list[RecordedRow]


async def survey(recording: Recording, found: Survey) -> None:
    """Read the whole file once, so that nothing is posted of one that is malformed further on.

    Raises RecordingRefused, also when there is no value in it.
    """
    for row in recording.rows():
        found.add(row)
        if found.rows % BATCH_READINGS == 0:
            await asyncio.sleep(0)  # a signal may want to end it
    if not found.readings:
        raise RecordingRefused(f"{recording.path} has no value in the mapped columns.")


async def play(
    recording: Recording, found: Survey, schedule: Schedule, *, machine_id: str, sender: Sender
) -> None:
    """Resolve when every row that the survey found is answered.

    Raises SendingStopped when no row will ever be taken, RecordingRefused when the file changed.
    """
    rows = islice(recording.rows(), found.rows)
    for turn in turns(rows, schedule, now=now_us):
        if isinstance(turn, float):
            await asyncio.sleep(turn)
        else:
            readings = wire_readings(turn, recording.mappings, schedule, machine_id=machine_id)
            await sender.queue(by_machine(readings))
            await asyncio.sleep(0)  # rows without a value make no request to wait for
        sender.check()
        _stop_if_hopeless(sender.tally, machine_id)
    await sender.settled()


def turns(
    rows: Iterator[RecordedRow], schedule: Schedule, *, now: Callable[[], int]
) -> Iterator[Turn]:
    """In turn: seconds to wait, and the rows that are due, as many as fill a batch."""
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


def wire_readings(
    rows: Sequence[RecordedRow], mappings: Sequence[Mapping], schedule: Schedule, *, machine_id: str
) -> Iterator[dict[str, Any]]:
    """The rows' readings as they go over the wire (contract 3.1), row by row."""
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
                # NaN: the recorder asked and the sensor had nothing to say.
                "quality": "good" if is_number else "bad",
            }


def _stop_if_hopeless(tally: Tally, machine_id: str) -> None:
    for code in HOPELESS:
        if refusal := tally.refusals.get((machine_id, code)):
            raise SendingStopped(f"The server takes nothing for {machine_id}: {refusal.detail}")
