"""The simulated plant: `Plant(machines=12, seed=1).readings(at)` reads all sensors once."""

from datetime import datetime

from sensors.devices.simulation.kinds import MAX_MACHINES, SimulatedMachine, machine_at
from sensors.devices.simulation.machine import PostedReading, RunningMachine


class Plant:
    """Machines that advance by elapsed time, not by the number of calls.

    The same seed and the same moments give the same readings.
    """

    def __init__(self, *, machines: int = 12, seed: int = 1) -> None:
        if not 1 <= machines <= MAX_MACHINES:
            raise ValueError(f"expected 1 to {MAX_MACHINES} machines, got {machines}")
        running = [RunningMachine(*machine_at(index), seed=seed) for index in range(machines)]
        self._running = {machine.machine.machine_id: machine for machine in running}

    @property
    def machines(self) -> list[SimulatedMachine]:
        return [running.machine for running in self._running.values()]

    def readings(self, at: datetime) -> list[PostedReading]:
        """Return one reading of every sensor of every machine, as the API takes it."""
        return [reading for name in self._running for reading in self.machine_readings(name, at)]

    def machine_readings(self, machine_id: str, at: datetime) -> list[PostedReading]:
        """Return one reading of each sensor of a machine. Raises KeyError."""
        if at.tzinfo is None:
            raise ValueError(f"expected a time with an offset, got {at.isoformat()}")
        return self._running[machine_id].readings(at)
