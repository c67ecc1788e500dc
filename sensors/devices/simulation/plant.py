"""The simulated plant: `Plant(machines=12, seed=1).readings(at)` is one tick of all sensors."""

from datetime import datetime

from sensors.devices.simulation.kinds import MAX_MACHINES, SimulatedMachine, place
from sensors.devices.simulation.machine import PostedReading, RunningMachine


class Plant:
    """Machines that move by the time they are asked for, not by how often.

    The same seed and the same moments give the same readings.
    """

    def __init__(self, *, machines: int = 12, seed: int = 1) -> None:
        if not 1 <= machines <= MAX_MACHINES:
            raise ValueError(f"expected 1 to {MAX_MACHINES} machines, got {machines}")
        running = [RunningMachine(*place(index), seed=seed) for index in range(machines)]
        self._running = {one.machine.machine_id: one for one in running}

    @property
    def machines(self) -> list[SimulatedMachine]:
        return [one.machine for one in self._running.values()]

    def readings(self, at: datetime) -> list[PostedReading]:
        """One reading of every sensor of every machine, ready for the wire."""
        return [reading for name in self._running for reading in self.machine_readings(name, at)]

    def machine_readings(self, machine_id: str, at: datetime) -> list[PostedReading]:
        """One reading of each sensor of one machine. Raises KeyError for an unknown one."""
        if at.tzinfo is None:
            raise ValueError(f"expected a time with an offset, got {at.isoformat()}")
        return self._running[machine_id].readings(at)
