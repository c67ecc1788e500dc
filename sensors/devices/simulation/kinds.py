"""Kinds of simulated machines, and the machines with their places (ISA-95)."""

from dataclasses import dataclass

from sensors.units import SHIPPED_UNITS

SITE = "Plant North"
# Machine ids are three letters and three digits.
MAX_MACHINES = 999
# Ranges of the shipped sensor types, except that an RMS velocity is never negative; then the
# standard deviation of the noise and the decimals of a typical transmitter.
RANGES = {
    "temperature": (-50.0, 200.0),
    "pressure": (0.0, 500.0),
    "humidity": (0.0, 100.0),
    "speed": (0.0, 1000.0),
    "vibration": (0.0, 1000.0),
}
NOISE = {"temperature": 0.12, "pressure": 0.04, "humidity": 0.3, "speed": 1.2, "vibration": 0.03}
DECIMALS = {"temperature": 2, "pressure": 2, "humidity": 1, "speed": 1, "vibration": 3}


@dataclass(frozen=True)
class SimulatedSensor:
    """A sensor; `gain` is the share of the machine's value at its position."""

    sensor_type: str
    gain: float = 1.0

    @property
    def quantity(self) -> str:
        return self.sensor_type.partition(".")[0]

    @property
    def unit(self) -> str:
        return SHIPPED_UNITS[self.quantity]


@dataclass(frozen=True)
class Kind:
    """A kind: `heating` in kelvin at full load; `standing`, `swing` in bar; `vibration` in mm/s."""

    code: str
    kind: str
    name: str
    area: str
    rated_rpm: float
    heating: float
    thermal_seconds: float
    vibration: float
    standing: float
    swing: float
    period: float
    programs: tuple[str, ...]
    sensors: tuple[SimulatedSensor, ...]


@dataclass(frozen=True)
class SimulatedMachine:
    machine_id: str
    name: str
    kind: str
    site: str
    area: str
    line: str
    sensors: tuple[SimulatedSensor, ...]


def _sensors(*names: str, **gains: float) -> tuple[SimulatedSensor, ...]:
    plain = tuple(SimulatedSensor(name) for name in names)
    return plain + tuple(
        SimulatedSensor(f"vibration.{position}", gain) for position, gain in gains.items()
    )


_ENDS = {"drive_end": 1.0, "non_drive_end": 0.65}
KINDS = (
    Kind(
        code="CNC", kind="machining centre", name="Machining centre", area="Machining",
        rated_rpm=960, heating=46, thermal_seconds=95, vibration=1.3, standing=0.6, swing=6.5,
        period=150, programs=("O1001", "O1002", "O1010"),
        sensors=_sensors("temperature", "speed", "pressure", "humidity", drive_end=1.0),
    ),
    Kind(
        code="MIL", kind="mill", name="Milling machine", area="Machining",
        rated_rpm=820, heating=38, thermal_seconds=120, vibration=1.6, standing=0.5, swing=5.0,
        period=190, programs=("O2004", "O2005"),
        sensors=_sensors("temperature", "speed", "vibration", "pressure", "humidity"),
    ),
    Kind(
        code="LAT", kind="lathe", name="Lathe", area="Machining",
        rated_rpm=900, heating=42, thermal_seconds=80, vibration=1.2, standing=0.5, swing=4.5,
        period=110, programs=("O3101", "O3102", "O3200"),
        sensors=_sensors("temperature", "speed", "pressure", **_ENDS),
    ),
    Kind(
        code="ROB", kind="robot", name="Handling robot", area="Assembly",
        rated_rpm=240, heating=22, thermal_seconds=160, vibration=0.7, standing=6.3, swing=-0.7,
        period=75, programs=("PICK_07", "PLACE_03"),
        sensors=_sensors("temperature", "speed", "vibration", "pressure"),
    ),
    Kind(
        code="PRS", kind="press", name="Hydraulic press", area="Forming",
        rated_rpm=120, heating=34, thermal_seconds=140, vibration=2.2, standing=18, swing=165,
        period=90, programs=("DIE_17", "DIE_22"),
        sensors=_sensors("temperature", "speed", "vibration", "pressure", "humidity"),
    ),
    Kind(
        code="PMP", kind="pump", name="Coolant pump", area="Utilities",
        rated_rpm=740, heating=28, thermal_seconds=70, vibration=1.0, standing=1.0, swing=14,
        period=240, programs=(),
        sensors=_sensors("temperature", "speed", "pressure", **_ENDS),
    ),
)  # fmt: skip


def machine_at(index: int) -> tuple[SimulatedMachine, Kind]:
    """Return machine number `index` (from 0): kinds alternate, one of each forms a line."""
    row, column = divmod(index, len(KINDS))
    kind = KINDS[column]
    machine = SimulatedMachine(
        machine_id=f"{kind.code}-{index + 1:03d}",
        name=f"{kind.name} {row + 1}",
        kind=kind.kind,
        site=SITE,
        area=kind.area,
        line=f"Line {row + 1}",
        sensors=kind.sensors,
    )
    return machine, kind
