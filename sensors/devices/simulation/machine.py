"""State of a machine, advanced by elapsed time, and the readings of its sensors."""

import math
import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sensors.devices.simulation import physics
from sensors.devices.simulation.duty import Duty, DutyCycle
from sensors.devices.simulation.faults import Faults
from sensors.devices.simulation.kinds import (
    DECIMALS,
    NOISE,
    RANGES,
    Kind,
    SimulatedMachine,
    SimulatedSensor,
)
from sensors.timestamps import format_us, from_datetime

# Shorter than the quickest lag below, so that the state does not depend on the caller's step.
STEP_SECONDS = 0.5
# A long gap is crossed in coarser steps: the lags are exact, only the duty is sampled less often.
MAX_STEPS = 400
# Simulated running time before the first reading, so that machines do not start cold.
WARM_UP_SECONDS = 900.0
SPIN_SECONDS, PRESSURE_SECONDS, MIST_SECONDS = 2.5, 1.8, 90.0
# Full load wears a tool out in 8 to 30 hours.
SHORTEST_LIFE, LONGEST_LIFE = 8 * 3_600.0, 30 * 3_600.0
# Coolant mist lifts the dew point around a working machine.
MIST_KELVIN = 2.0
# Noise of an uncertain sensor, as a multiple of its usual noise.
DOUBT_NOISE = 6.0

PostedReading = dict[str, Any]


@dataclass
class State:
    """State: `drive` and `wear` as shares; temperature in Cel, pressure in bar, mist in kelvin."""

    moment: float
    temperature: float
    pressure: float
    wear: float
    drive: float = 0.0
    load: float = 0.0
    mist: float = 0.0


class RunningMachine:
    """A machine in time; a clock that steps back stops the physics, not the noise."""

    def __init__(self, machine: SimulatedMachine, kind: Kind, *, seed: int) -> None:
        self.machine = machine
        self._kind = kind
        self._seed = f"{seed}/{machine.machine_id}"
        self._random = random.Random(self._seed)  # noqa: S311 - not a secret
        self._duty = DutyCycle(self._seed, period=kind.period, programs=kind.programs)
        self._life = self._random.uniform(SHORTEST_LIFE, LONGEST_LIFE)
        self._first_wear = self._random.uniform(0.0, 0.85)
        self._state: State | None = None
        self._faults: dict[str, Faults] = {}
        self._reported_program: str | None = None

    def advanced(self, moment: float) -> State:
        """Advance to `moment` (seconds since 1970 UTC) and return the state."""
        state = self._state or self._begin(moment - WARM_UP_SECONDS)
        self._state = state
        elapsed = moment - state.moment
        steps = min(MAX_STEPS, math.ceil(max(0.0, elapsed) / STEP_SECONDS))
        for _ in range(steps):
            self._step(state, elapsed / steps)
        state.moment = moment
        return state

    def readings(self, at: datetime) -> list[PostedReading]:
        """Return one reading of each sensor, as the API takes it."""
        moment = at.timestamp()
        state = self.advanced(moment)
        timestamp = format_us(from_datetime(at))
        readings = [
            self._reading(sensor, state, timestamp, moment) for sensor in self.machine.sensors
        ]
        program = self._duty.at(moment).program
        if program is not None and program != self._reported_program:
            # Reported once when the program is loaded, not with every reading.
            readings[0]["metadata"] = {"program": program}
        self._reported_program = program
        return readings

    def _begin(self, moment: float) -> State:
        hall = physics.hall_temperature(moment)
        return State(moment, hall, self._kind.standing, self._first_wear)

    def _step(self, state: State, seconds: float) -> None:
        """Advance by `seconds` with the duty at their middle."""
        kind = self._kind
        state.moment += seconds
        duty = self._duty.at(state.moment - seconds / 2)
        state.drive = physics.lagged(state.drive, duty.drive, seconds, SPIN_SECONDS)
        state.load = duty.load
        self._warm(state, duty, seconds)
        pressure = physics.line_pressure(
            standing=kind.standing, swing=kind.swing, drive=state.drive
        )
        state.pressure = physics.lagged(state.pressure, pressure, seconds, PRESSURE_SECONDS)
        state.wear = physics.worn(
            state.wear, drive=state.drive, load=duty.load, seconds=seconds, life=self._life
        )

    def _warm(self, state: State, duty: Duty, seconds: float) -> None:
        target = physics.machine_temperature(
            physics.hall_temperature(state.moment),
            heating=self._kind.heating,
            drive=state.drive,
            load=duty.load,
            wear=state.wear,
        )
        state.temperature = physics.lagged(
            state.temperature, target, seconds, self._kind.thermal_seconds
        )
        state.mist = physics.lagged(state.mist, MIST_KELVIN * duty.load, seconds, MIST_SECONDS)

    def _true_value(self, quantity: str, state: State) -> float:
        if quantity == "temperature":
            return state.temperature
        if quantity == "pressure":
            return state.pressure
        if quantity == "speed":
            return self._kind.rated_rpm * state.drive * (1 - physics.FULL_LOAD_SLIP * state.load)
        if quantity == "vibration":
            return physics.vibration_velocity(
                rated=self._kind.vibration, drive=state.drive, wear=state.wear
            )
        hall = physics.hall_temperature(state.moment)
        return physics.relative_humidity(hall, physics.dew_point(state.moment) + state.mist)

    def _reading(
        self, sensor: SimulatedSensor, state: State, timestamp: str, moment: float
    ) -> PostedReading:
        quality = self._quality(sensor.sensor_type, moment)
        sigma = NOISE[sensor.quantity] * (DOUBT_NOISE if quality == "uncertain" else 1.0)
        value = sensor.gain * self._true_value(sensor.quantity, state)
        minimum, maximum = RANGES[sensor.quantity]
        measured = min(maximum, max(minimum, value + self._random.gauss(0.0, sigma)))
        # Plus zero: pages would show a minus sign for a rounded -0.0.
        rounded = round(measured, DECIMALS[sensor.quantity]) + 0.0
        return {
            "machine_id": self.machine.machine_id,
            "sensor_type": sensor.sensor_type,
            "value": None if quality == "bad" else rounded,
            "unit": sensor.unit,
            "timestamp": timestamp,
            "quality": quality,
        }

    def _quality(self, sensor_type: str, moment: float) -> str:
        if sensor_type not in self._faults:
            self._faults[sensor_type] = Faults(f"{self._seed}/{sensor_type}", since=moment)
        return self._faults[sensor_type].quality(moment)
