"""The plant's physics: pure functions of what is known and of the seconds that passed.

Temperatures in Cel, pressures in bar, speeds as a share of the rated speed, times in seconds.
"""

import math

DAY = 86_400.0
# The hall: warmest at three in the afternoon; the air's moisture changes over days.
HALL_MEAN, HALL_SWING, HALL_WARMEST = 21.5, 2.5, 15 * 3_600.0
DEW_MEAN, DEW_SWING, DEW_PERIOD = 10.0, 3.0, 2.7 * DAY
# Bearings share of the heat of a full cut, and how much a worn tool adds to it.
FRICTION_SHARE, WEAR_HEAT = 0.15, 0.25
# What reaches a standing machine through the floor; a worn tool shakes 3.5 times as much as a
# new one, from zone B into zone D of ISO 10816-1 for machines of this size.
FLOOR_VIBRATION, WEAR_VIBRATION = 0.18, 2.5
# An induction motor's slip under full load.
FULL_LOAD_SLIP = 0.03


def lagged(value: float, target: float, seconds: float, time_constant: float) -> float:
    """A first-order lag (Newton's law of cooling), exact for a target that stands still."""
    return target + (value - target) * math.exp(-max(0.0, seconds) / time_constant)


def hall_temperature(moment: float) -> float:
    """The air around the machines; `moment` in seconds since 1970 UTC."""
    return HALL_MEAN + HALL_SWING * math.cos(2 * math.pi * (moment - HALL_WARMEST) / DAY)


def dew_point(moment: float) -> float:
    return DEW_MEAN + DEW_SWING * math.sin(2 * math.pi * moment / DEW_PERIOD)


def vapour_pressure(celsius: float) -> float:
    """Saturated, in hPa: Magnus form, Alduchov and Eskridge 1996, J. Appl. Meteor. 35:601."""
    return 6.1094 * math.exp(17.625 * celsius / (celsius + 243.04))


def relative_humidity(celsius: float, dew: float) -> float:
    """Percent: what the air holds (dew point) against what it could hold (temperature)."""
    return 100.0 * min(1.0, vapour_pressure(dew) / vapour_pressure(celsius))


def machine_temperature(
    hall: float, *, heating: float, drive: float, load: float, wear: float
) -> float:
    """Where the temperature settles; heat is torque times speed, and friction with it."""
    cutting = load * drive * (1.0 + WEAR_HEAT * wear)
    return hall + heating * (cutting + FRICTION_SHARE * drive)


def line_pressure(*, standing: float, swing: float, drive: float) -> float:
    """Pump affinity laws: head grows with the square of speed.

    A supply line sags with the square of the flow (Darcy-Weisbach): a negative `swing`.
    """
    return standing + swing * drive * drive


def vibration_velocity(*, rated: float, drive: float, wear: float) -> float:
    """RMS in mm/s at a share `drive` of the rated speed.

    The velocity of a given unbalance grows linearly with speed (balance grade e*omega,
    ISO 21940-11); sources that do not know of each other add by their squares.
    """
    return math.hypot(FLOOR_VIBRATION, rated * drive * (1.0 + WEAR_VIBRATION * wear))


def worn(wear: float, *, drive: float, load: float, seconds: float, life: float) -> float:
    """Wear as a share of `life` seconds of full work, by load times distance (Archard 1953).

    At 1 the tool is changed, and it begins again at 0.
    """
    return math.fmod(wear + drive * load * max(0.0, seconds) / life, 1.0)
