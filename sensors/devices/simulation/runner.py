"""The plant in real time: readings by the timetable, handed to the sender."""

import asyncio
import time
from datetime import UTC, datetime

from sensors.devices.sending.outbox import by_machine
from sensors.devices.sending.sender import Sender
from sensors.devices.simulation.plant import Plant
from sensors.devices.simulation.timetable import Timetable

# The wall clock may step during a sleep, so it is read at least this often.
LONGEST_SLEEP = 1.0


def default_rate(plant: Plant) -> float:
    """Return the rate of one reading a second from each sensor."""
    return float(sum(len(machine.sensors) for machine in plant.machines))


async def run_plant(plant: Plant, sender: Sender, *, rate: float) -> None:
    """Run until cancelled. Raises SendingStopped when no reading can ever be accepted.

    The first readings are answered before the timetable starts, so that a plant that starts
    before its server waits instead of filling its buffer.
    """
    await sender.send(by_machine(plant.readings(datetime.now(UTC))))
    sensors = {machine.machine_id: len(machine.sensors) for machine in plant.machines}
    timetable = Timetable(sensors, rate=rate, start=time.time())
    while True:
        for machine_id, moments in timetable.due(time.time()):
            readings = [
                reading
                for moment in moments
                for reading in plant.machine_readings(
                    machine_id, datetime.fromtimestamp(moment, UTC)
                )
            ]
            await sender.offer(by_machine(readings))
        await asyncio.sleep(max(0.0, min(LONGEST_SLEEP, timetable.next_due - time.time())))
