"""States of machines and sensors: newest readings with age, staleness and connectivity.

Computed once for a moment; the JSON of API and sockets and the view models of the pages are made
from them.
"""

from collections.abc import Mapping, Sequence

import msgspec
from django.conf import settings

from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.enums import Connectivity
from sensors.messages import LiveReading
from sensors.timestamps import SECOND_US

# A machine is offline when its youngest reading is older than 3 times its longest stale time.
OFFLINE_FACTOR = 3


class SensorState(msgspec.Struct, frozen=True):
    """A sensor with its newest reading; without a reading there is no age and nothing stale.

    `is_unknown` while Redis does not answer: there may be a reading.
    """

    sensor: SensorDescription
    reading: LiveReading | None = None
    age_seconds: float | None = None
    is_stale: bool = False
    is_unknown: bool = False


class MachineState(msgspec.Struct, frozen=True):
    """A machine with the states of its sensors, in the order of their names.

    `connectivity` is None while Redis does not answer. `last_seen_at` is microseconds since 1970
    UTC, None for a machine without a reading.
    """

    machine: MachineDescription
    sensors: tuple[SensorState, ...]
    connectivity: Connectivity | None
    last_seen_at: int | None

    @property
    def connectivity_name(self) -> str:
        """The connectivity as pages and scripts name it."""
        return "unknown" if self.connectivity is None else self.connectivity.value


def machine_state(
    machine: MachineDescription, readings: Sequence[LiveReading], *, now_us: int
) -> MachineState:
    """Judge a machine by its newest readings, at most one reading a sensor.

    A reading of a sensor that the machine no longer has still counts for its connectivity.
    """
    newest = {reading.sensor_type: reading for reading in readings}
    return MachineState(
        machine=machine,
        sensors=tuple(
            sensor_state(sensor, newest.get(name), now_us=now_us)
            for name, sensor in machine.sensors.items()
        ),
        connectivity=connectivity(machine, newest, now_us=now_us),
        last_seen_at=max((reading.effective_at for reading in readings), default=None),
    )


def unknown_state(machine: MachineDescription) -> MachineState:
    """Describe a machine while Redis does not answer: its sensors without readings."""
    sensors = tuple(SensorState(sensor, is_unknown=True) for sensor in machine.sensors.values())
    return MachineState(machine=machine, sensors=sensors, connectivity=None, last_seen_at=None)


def sensor_state(
    sensor: SensorDescription, reading: LiveReading | None, *, now_us: int
) -> SensorState:
    """Judge a sensor by its newest reading."""
    if reading is None:
        return SensorState(sensor)
    age = age_seconds(reading, now_us=now_us)
    return SensorState(sensor, reading, age, age > sensor.stale_seconds)


def connectivity(
    machine: MachineDescription, newest: Mapping[str, LiveReading], *, now_us: int
) -> Connectivity:
    """Return online while a reading is fresh, offline when the youngest is too old."""
    if not newest:
        return Connectivity.NEVER_SEEN
    if any(
        not is_stale(reading, machine.sensors.get(name), now_us=now_us)
        for name, reading in newest.items()
    ):
        return Connectivity.ONLINE
    longest = max(
        (sensor.stale_seconds for sensor in machine.sensors.values()),
        default=settings.DEFAULT_STALE_SECONDS,
    )
    youngest = min(age_seconds(reading, now_us=now_us) for reading in newest.values())
    return Connectivity.OFFLINE if youngest > OFFLINE_FACTOR * longest else Connectivity.STALE


def age_seconds(reading: LiveReading, *, now_us: int) -> float:
    """Return seconds since it was measured, or received if that was earlier; never negative."""
    return max(0, now_us - reading.effective_at) / SECOND_US


def is_stale(reading: LiveReading, sensor: SensorDescription | None, *, now_us: int) -> bool:
    """Return whether the reading is older than its sensor allows."""
    limit = sensor.stale_seconds if sensor else settings.DEFAULT_STALE_SECONDS
    return age_seconds(reading, now_us=now_us) > limit
