"""The plant's physics: believable, repeatable, and the same at any rate."""

import importlib
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.devices.simulation import physics
from sensors.devices.simulation.duty import DutyCycle, Phase
from sensors.devices.simulation.faults import Faults
from sensors.devices.simulation.kinds import KINDS, RANGES, machine_at
from sensors.devices.simulation.machine import RunningMachine, State
from sensors.devices.simulation.plant import Plant
from sensors.devices.simulation.timetable import Timetable
from sensors.units import SHIPPED_UNITS

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
WIRE_NAMES = {"machine_id", "sensor_type", "value", "unit", "timestamp", "quality"}
shares = st.floats(0.0, 1.0)
moments = st.integers(1_000_000_000, 2_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))


def ticks(plant: Plant, *, seconds: float, count: int) -> list[dict[str, Any]]:
    return [
        reading
        for i in range(count)
        for reading in plant.readings(MONDAY + timedelta(seconds=i * seconds))
    ]


def machine_of(kind: str, *, seed: int = 1) -> RunningMachine:
    index = [one.kind for one in KINDS].index(kind)
    return RunningMachine(*machine_at(index), seed=seed)


def state_after(machine: RunningMachine, *, seconds: float, step: float) -> State:
    start = MONDAY.timestamp()
    for i in range(round(seconds / step) + 1):
        state = machine.advanced(start + i * step)
    return state


def test_readings_same_seed_and_moments_are_the_same() -> None:
    assert ticks(Plant(machines=6, seed=7), seconds=1, count=5) == ticks(
        Plant(machines=6, seed=7), seconds=1, count=5
    )


def test_readings_other_seed_differ() -> None:
    assert ticks(Plant(seed=1), seconds=1, count=1) != ticks(Plant(seed=2), seconds=1, count=1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    start=moments,
    gaps=st.lists(st.floats(-5.0, 1e6), min_size=1, max_size=5),
)
def test_readings_any_moments_stay_within_the_shipped_ranges(
    seed: int, start: datetime, gaps: list[float]
) -> None:
    plant = Plant(machines=6, seed=seed)

    for gap in gaps:
        start += timedelta(seconds=gap)
        for reading in plant.readings(start):
            quantity = reading["sensor_type"].partition(".")[0]
            least, most = RANGES[quantity]
            assert set(reading) - {"metadata"} == WIRE_NAMES
            assert reading["unit"] == SHIPPED_UNITS[quantity]
            assert (reading["value"] is None) == (reading["quality"] == "bad")
            assert reading["value"] is None or least <= reading["value"] <= most


def test_ranges_lie_within_the_types_shipped() -> None:
    shipped = importlib.import_module("sensors.migrations.0002_sensor_types").TYPES
    types = {slug: (minimum, maximum) for slug, _, _, minimum, maximum in shipped}

    for quantity, (least, most) in RANGES.items():
        minimum, maximum = types[quantity]
        assert minimum <= least < most <= maximum


def test_shipped_units_are_those_of_the_types_shipped() -> None:
    shipped = importlib.import_module("sensors.migrations.0002_sensor_types").TYPES

    assert {slug: unit for slug, _, unit, _, _ in shipped} == SHIPPED_UNITS


def test_reading_timestamp_is_the_moment_in_utc() -> None:
    at = datetime.fromisoformat("2026-11-23T11:30:00.123456+01:00")

    assert {reading["timestamp"] for reading in Plant().readings(at)} == {
        "2026-11-23T10:30:00.123456Z"
    }


def test_readings_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a time with an offset"):
        Plant().readings(MONDAY.replace(tzinfo=None))


@pytest.mark.parametrize("machines", [0, 1000])
def test_plant_of_impossible_size_is_refused(machines: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 999 machines"):
        Plant(machines=machines)


def test_machines_are_of_every_kind_in_their_lines() -> None:
    machines = Plant(machines=12).machines

    assert [machine.machine_id for machine in machines[:6]] == [
        "CNC-001",
        "MIL-002",
        "LAT-003",
        "ROB-004",
        "PRS-005",
        "PMP-006",
    ]
    assert [machine.line for machine in machines] == ["Line 1"] * 6 + ["Line 2"] * 6
    assert len({machine.name for machine in machines}) == 12
    assert all(re.fullmatch(r"[A-Z]{3}-\d{3}", one.machine_id) for one in machines)
    assert "vibration.drive_end" in [sensor.sensor_type for sensor in machines[0].sensors]


def test_metadata_program_is_told_when_it_is_loaded() -> None:
    readings = ticks(Plant(machines=1), seconds=1, count=300)

    told = [reading["metadata"] for reading in readings if "metadata" in reading]

    assert 1 <= len(told) <= 4
    assert all(list(one) == ["program"] for one in told)


@pytest.mark.parametrize("step", [0.1, 1.0, 7.0, 30.0])
@pytest.mark.parametrize("kind", [one.kind for one in KINDS])
def test_state_any_step_size_is_the_same(kind: str, step: float) -> None:
    fine = state_after(machine_of(kind), seconds=210, step=0.5)

    state = state_after(machine_of(kind), seconds=210, step=step)

    assert state.temperature == pytest.approx(fine.temperature, abs=0.1)
    assert state.pressure == pytest.approx(fine.pressure, abs=0.02 * abs(fine.pressure) + 0.05)
    assert state.drive == pytest.approx(fine.drive, abs=0.01)
    assert state.wear == pytest.approx(fine.wear, abs=1e-4)


def test_temperature_lags_the_load() -> None:
    """The drive is up within seconds; the heat comes minutes later and stays longer."""
    machine = machine_of("machining centre")
    start = MONDAY.timestamp()
    states = [vars(machine.advanced(start + i)).copy() for i in range(600)]
    starts = [i for i in range(1, 480) if states[i - 1]["drive"] < 0.05 <= states[i]["drive"]]

    assert starts
    for i in starts:
        assert states[i + 30]["drive"] > 0.6
        warming = states[i + 30]["temperature"] - states[i]["temperature"]
        assert 0 < warming < states[i + 85]["temperature"] - states[i]["temperature"]


@given(value=st.floats(-50, 200), target=st.floats(-50, 200), cut=shares)
def test_lagged_in_two_steps_equals_one(value: float, target: float, cut: float) -> None:
    once = physics.lagged(value, target, 60, 90)

    twice = physics.lagged(physics.lagged(value, target, 60 * cut, 90), target, 60 * (1 - cut), 90)

    assert twice == pytest.approx(once, abs=1e-9)
    assert min(value, target) - 1e-9 <= once <= max(value, target) + 1e-9


@given(wear=st.floats(0.0, 0.99), drive=shares, load=shares)
def test_wear_grows_with_work_only(wear: float, drive: float, load: float) -> None:
    after = physics.worn(wear, drive=drive, load=load, seconds=60, life=36_000)

    assert after == pytest.approx(wear + drive * load * 60 / 36_000)


def test_wear_beyond_the_life_begins_again() -> None:
    after = physics.worn(0.999, drive=1.0, load=1.0, seconds=72, life=36_000)

    assert after == pytest.approx(0.001)


@given(drive=st.floats(0.05, 1.0), faster=st.floats(0.01, 1.0), wear=st.floats(0.0, 0.9))
def test_vibration_rises_with_speed_and_wear(drive: float, faster: float, wear: float) -> None:
    now = physics.vibration_velocity(rated=1.5, drive=drive, wear=wear)

    assert physics.vibration_velocity(rated=1.5, drive=drive + faster, wear=wear) > now
    assert physics.vibration_velocity(rated=1.5, drive=drive, wear=wear + 0.1) > now


@pytest.mark.parametrize(
    ("celsius", "hectopascal"), [(0.0, 6.11), (10.0, 12.28), (20.0, 23.39), (30.0, 42.47)]
)
def test_vapour_pressure_agrees_with_the_steam_tables(celsius: float, hectopascal: float) -> None:
    """Saturation pressures of the IAPWS-95 tables; the Magnus form errs by 0.4 % at most."""
    assert physics.vapour_pressure(celsius) == pytest.approx(hectopascal, rel=0.004)


@given(celsius=st.floats(-20, 60), dew=st.floats(-20, 60))
def test_relative_humidity_stays_between_0_and_100(celsius: float, dew: float) -> None:
    assert 0.0 < physics.relative_humidity(celsius, dew) <= 100.0
    assert physics.relative_humidity(celsius, celsius) == 100.0


def test_duty_goes_through_its_phases_in_order() -> None:
    cycle = DutyCycle("a machine", period=100.0, programs=("O1",))
    runs = [cycle.at(MONDAY.timestamp() + i / 10) for i in range(20_000)]

    changes = {(a.phase, b.phase) for a, b in pairwise(runs) if a.phase != b.phase}

    assert changes == {
        (Phase.IDLE, Phase.RAMP),
        (Phase.RAMP, Phase.CUTTING),
        (Phase.CUTTING, Phase.COOL_DOWN),
        (Phase.COOL_DOWN, Phase.IDLE),
    }
    assert all(abs(a.drive - b.drive) < 0.02 for a, b in pairwise(runs))


def test_duty_night_shift_works_less() -> None:
    cycle = DutyCycle("a machine", period=60.0, programs=())
    midnight = MONDAY.replace(hour=0).timestamp()

    def busy(first: int, last: int) -> int:
        seconds = range(first * 3600, last * 3600, 20)
        return sum(cycle.at(midnight + second).drive > 0 for second in seconds)

    assert busy(0, 6) < 0.8 * busy(6, 12)


def test_faults_are_rare_short_and_of_both_qualities() -> None:
    faults = [Faults(f"sensor {i}", since=0.0) for i in range(100)]

    seen = [fault.quality(float(second)) for fault in faults for second in range(0, 36_000, 2)]

    assert 0.001 < seen.count("uncertain") / len(seen) < 0.01
    assert 0 < seen.count("bad") < seen.count("uncertain")


@settings(max_examples=50, deadline=None)
@given(
    machines=st.integers(1, 30),
    rate=st.floats(0.5, 5_000),
    step=st.floats(0.01, 3.0),
)
def test_timetable_meets_its_rate(machines: int, rate: float, step: float) -> None:
    sensors = {f"CNC-{i:03d}": 4 for i in range(machines)}
    timetable = Timetable(sensors, rate=rate, start=1_000_000.0)
    seconds = 20 * max(step, timetable.post_every)
    measured: dict[str, list[float]] = {name: [] for name in sensors}

    posts = 0
    now = 1_000_000.0
    while now < 1_000_000.0 + seconds:
        now += step
        for name, when in timetable.due(now):
            measured[name] += when
            posts += 1

    total = sum(4 * len(when) for when in measured.values())
    elapsed = now - 1_000_000.0
    most_open = 4 * machines * (timetable.post_every / timetable.interval + 1)
    assert abs(total - rate * elapsed) <= most_open
    assert posts <= 60.0 * elapsed + machines
    assert all(when == sorted(set(when)) for when in measured.values())


@pytest.mark.parametrize("jump", [3_600.0, -3_600.0])
def test_timetable_after_a_jump_of_the_clock_goes_on_from_there(jump: float) -> None:
    timetable = Timetable({"CNC-001": 4}, rate=4.0, start=0.0)
    timetable.due(10.0)

    assert timetable.due(10.0 + jump) == [("CNC-001", [10.0 + jump])]
    assert timetable.next_due == 11.0 + jump
