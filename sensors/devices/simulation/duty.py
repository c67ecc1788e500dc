"""Duty of a machine at a moment: work cycles, jobs and shifts, as a pure function."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# Shares of a work cycle: load the part, spin up, cut, spin down and clear the chips.
IDLE_UNTIL, RAMP_UNTIL, CUT_UNTIL = 0.15, 0.23, 0.85
# Cutting passes in a cycle: between two the load drops for a moment.
PASSES, BETWEEN_PASSES, PASS_LOAD = 5, 0.12, 0.45
# First hour (UTC) of each shift, and the share of cycles that have a part to work on.
SHIFTS = ((22, 0.6), (14, 0.92), (6, 0.97), (0, 0.6))


class Phase(StrEnum):
    IDLE = "idle"
    RAMP = "ramp"
    CUTTING = "cutting"
    COOL_DOWN = "cool_down"


@dataclass(frozen=True)
class Job:
    """The part of one cycle; without a program the machine is idle for the cycle."""

    runs: bool
    speed: float
    effort: float
    program: str | None


@dataclass(frozen=True)
class Duty:
    """Demanded speed (`drive`) and torque (`load`), as shares of the rated values."""

    phase: Phase
    drive: float
    load: float
    program: str | None


class DutyCycle:
    """Duty by seed and moment, independent of the order of calls."""

    def __init__(self, seed: str, *, period: float, programs: Sequence[str]) -> None:
        self._seed = seed
        self._period = period
        self._programs = programs
        # Machines do not run in step.
        self._offset = random.Random(seed).uniform(0.0, period)  # noqa: S311 - not a secret
        self._cached: tuple[int, Job] | None = None

    def at(self, moment: float) -> Duty:
        cycle, into = divmod(moment + self._offset, self._period)
        job = self._job(int(cycle))
        if not job.runs:
            return Duty(Phase.IDLE, 0.0, 0.0, None)
        return _duty(job, into / self._period)

    def _job(self, cycle: int) -> Job:
        if self._cached is None or self._cached[0] != cycle:
            self._cached = (cycle, self._draw(cycle))
        return self._cached[1]

    def _draw(self, cycle: int) -> Job:
        draw = random.Random(f"{self._seed}/{cycle}")  # noqa: S311 - not a secret
        hour = int((cycle * self._period - self._offset) // 3_600) % 24
        share = next(share for first, share in SHIFTS if hour >= first)
        return Job(
            runs=draw.random() < share,
            speed=draw.uniform(0.75, 1.0),
            effort=draw.uniform(0.6, 1.0),
            program=draw.choice(self._programs) if self._programs else None,
        )


def _duty(job: Job, share: float) -> Duty:
    """Return the duty after `share` (0..1) of the cycle."""
    if share < IDLE_UNTIL:
        return Duty(Phase.IDLE, 0.0, 0.0, None)
    if share < RAMP_UNTIL:
        ramp = (share - IDLE_UNTIL) / (RAMP_UNTIL - IDLE_UNTIL)
        return Duty(Phase.RAMP, job.speed * ramp, 0.1, job.program)
    if share < CUT_UNTIL:
        within = (share - RAMP_UNTIL) / (CUT_UNTIL - RAMP_UNTIL) * PASSES % 1.0
        load = job.effort * (PASS_LOAD if within > 1.0 - BETWEEN_PASSES else 1.0)
        return Duty(Phase.CUTTING, job.speed, load, job.program)
    left = (1.0 - share) / (1.0 - CUT_UNTIL)
    return Duty(Phase.COOL_DOWN, job.speed * left, 0.05, job.program)
