"""Units a device may send, and their way into the sensor's own (docs/api.md).

Factors: BIPM SI brochure (2019); psi and in by the international pound and inch (1959);
m/s2 per g is standard gravity, 9.80665 (CGPM 1901).
"""

from typing import NamedTuple

# Characters of a unit as it is sent, and as the database keeps it.
UNIT_LENGTH = 20


class Unit(NamedTuple):
    """value in the dimension's base = value * factor + offset"""

    dimension: str
    factor: float
    offset: float = 0.0


_PSI = 6_894.757293168361  # pascal
_NAMES: dict[str, Unit] = {
    **dict.fromkeys(("Cel", "celsius", "°C", "C"), Unit("temperature", 1.0)),
    **dict.fromkeys(("[degF]", "fahrenheit", "°F", "F"), Unit("temperature", 5 / 9, -160 / 9)),
    **dict.fromkeys(("K", "kelvin"), Unit("temperature", 1.0, -273.15)),
    "bar": Unit("pressure", 1e5),
    "mbar": Unit("pressure", 100.0),
    "Pa": Unit("pressure", 1.0),
    "kPa": Unit("pressure", 1e3),
    "MPa": Unit("pressure", 1e6),
    "psi": Unit("pressure", _PSI),
    **dict.fromkeys(("%", "percent"), Unit("ratio", 1.0)),
    **dict.fromkeys(("rpm", "1/min", "/min"), Unit("rotation", 1.0)),
    "Hz": Unit("rotation", 60.0),
    "mm/s": Unit("velocity", 1.0),
    "m/s": Unit("velocity", 1e3),
    "in/s": Unit("velocity", 25.4),
    "g": Unit("acceleration", 9.80665),
    "m/s2": Unit("acceleration", 1.0),
    "A": Unit("current", 1.0),
    "mA": Unit("current", 1e-3),
    "V": Unit("voltage", 1.0),
    "mV": Unit("voltage", 1e-3),
    "kV": Unit("voltage", 1e3),
    **dict.fromkeys(("L/min", "l/min"), Unit("flow", 1.0)),
    "m3/h": Unit("flow", 1000 / 60),
}

# The types shipped and their own units, for what sends readings and has no catalogue.
SHIPPED_UNITS = {
    "temperature": "Cel",
    "pressure": "bar",
    "humidity": "%",
    "speed": "rpm",
    "vibration": "mm/s",
    "acceleration": "g",
    "current": "A",
    "voltage": "V",
    "flow": "L/min",
}


def are_convertible(unit: str, into: str) -> bool:
    """Whether both are the same text, or known units of the same dimension."""
    if unit == into:
        return True
    here, there = _NAMES.get(unit), _NAMES.get(into)
    return here is not None and there is not None and here.dimension == there.dimension


def convert(value: float, unit: str, into: str) -> float:
    """`value` in the unit `into`. Raises KeyError unless `are_convertible` holds."""
    if unit == into:
        return value
    here, there = _NAMES[unit], _NAMES[into]
    if here == there:
        return value
    if unit in {"[degF]", "fahrenheit", "°F", "F"} and there.factor == 1.0:
        # One rounding less than through the factor: 212 F is exactly 100 Cel.
        return (value - 32.0) * 5.0 / 9.0 - there.offset
    return (value * here.factor + here.offset - there.offset) / there.factor
