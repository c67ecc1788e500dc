"""Physics of the plant: pure functions of state and elapsed seconds.

Temperatures in Cel, pressures in bar, speeds as a share of the rated speed, times in seconds.
"""

import math

DAY = 86_400.0
# The hall: warmest at three in the afternoon; the air's moisture changes over days.
HALL_MEAN, HALL_SWING, HALL_WARMEST = 21.5, 2.5, 15 * 3_600.0
DEW_MEAN, DEW_SWING, DEW_PERIOD = 10.0, 3.0, 2.7 * DAY
# Share of bearing friction in the heat of a full cut, and the heat that a worn tool adds.
FRICTION_SHARE, WEAR_HEAT = 0.15, 0.25
# Vibration of a standing machine through the floor; a worn tool vibrates 3.5 times as much as a
# new one: from zone B to zone D of ISO 10816-1 for machines of this size.
FLOOR_VIBRATION, WEAR_VIBRATION = 0.18, 2.5
# An induction motor's slip under full load.
FULL_LOAD_SLIP = 0.03


def lagged(value: float, target: float, seconds: float, time_constant: float) -> float:
    """Apply a first-order lag (Newton's law of cooling), exact for a constant target."""
    return target + (value - target) * math.exp(-max(0.0, seconds) / time_constant)


def hall_temperature(moment: float) -> float:
    """Return the temperature of the hall; `moment` in seconds since 1970 UTC."""
    return HALL_MEAN + HALL_SWING * math.cos(2 * math.pi * (moment - HALL_WARMEST) / DAY)


def dew_point(moment: float) -> float:
    return DEW_MEAN + DEW_SWING * math.sin(2 * math.pi * moment / DEW_PERIOD)


def vapour_pressure(celsius: float) -> float:
    """Return the saturation pressure in hPa (Magnus; Alduchov, Eskridge 1996, JAM 35:601)."""
    return 6.1094 * math.exp(17.625 * celsius / (celsius + 243.04))


def relative_humidity(celsius: float, dew: float) -> float:
    """Return the relative humidity in percent, from temperature and dew point."""
    return 100.0 * min(1.0, vapour_pressure(dew) / vapour_pressure(celsius))


def machine_temperature(
    hall: float, *, heating: float, drive: float, load: float, wear: float
) -> float:
    """Return the equilibrium temperature; heat is torque times speed, plus friction."""
    cutting = load * drive * (1.0 + WEAR_HEAT * wear)
    return hall + heating * (cutting + FRICTION_SHARE * drive)


def line_pressure(*, standing: float, swing: float, drive: float) -> float:
    """Return the pressure by the pump affinity laws: head grows with the square of speed.

    A supply line drops with the square of the flow (Darcy-Weisbach): a negative `swing`.
    """
    return standing + swing * drive * drive


def vibration_velocity(*, rated: float, drive: float, wear: float) -> float:
    """Return the RMS velocity in mm/s at a share `drive` of the rated speed.

    The velocity of a given unbalance grows linearly with speed (balance grade e*omega,
    ISO 21940-11); independent sources add by their squares.
    """
    return math.hypot(FLOOR_VIBRATION, rated * drive * (1.0 + WEAR_VIBRATION * wear))


def worn(wear: float, *, drive: float, load: float, seconds: float, life: float) -> float:
    """Return the wear as a share of `life` seconds at full load (Archard 1953).

    At 1 the tool is changed and wear starts at 0.
    """
    return math.fmod(wear + drive * load * max(0.0, seconds) / life, 1.0)
