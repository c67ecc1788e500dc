"""Words and figures of the pages; `static/js/common/figures.js` writes the same (cases.json)."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from realtime.protocol import Close

# UCUM code -> the sign that people write.
SIGNS = {"rpm": gettext_lazy("rpm"), "Cel": "°C", "[degF]": "°F", "m/s2": "m/s²", "m3/h": "m³/h"}
# The shipped types of sensors, and the positions of the demo plant's sensors.
QUANTITIES = {
    "temperature": gettext_lazy("Temperature"),
    "pressure": gettext_lazy("Pressure"),
    "humidity": gettext_lazy("Humidity"),
    "speed": gettext_lazy("Speed"),
    "vibration": gettext_lazy("Vibration"),
    "acceleration": gettext_lazy("Acceleration"),
    "current": gettext_lazy("Current"),
    "voltage": gettext_lazy("Voltage"),
    "flow": gettext_lazy("Flow"),
}
POSITIONS = {
    "drive_end": gettext_lazy("drive end"),
    "non_drive_end": gettext_lazy("non-drive end"),
}
# Between the quantity and the position.
POSITION_SIGN = " · "
CONNECTIVITY = {
    "online": gettext_lazy("Online"),
    "stale": gettext_lazy("Stale"),
    "offline": gettext_lazy("Offline"),
    "never_seen": gettext_lazy("Never seen"),
    "unknown": gettext_lazy("Unknown"),
}
QUALITIES = {
    "none": gettext_lazy("no reading yet"),
    "good": gettext_lazy("good"),
    "uncertain": gettext_lazy("uncertain"),
    "bad": gettext_lazy("bad"),
}
_RANK = tuple(QUALITIES)
# Of a value that could not be read: there may be one.
UNKNOWN_VALUE = gettext_lazy("unknown")
MANY_SENSORS = gettext_lazy("{n} sensors")
# Seconds of a unit -> its text, the largest unit first.
AGES = {
    86_400: gettext_lazy("{n} d"),
    3600: gettext_lazy("{n} h"),
    60: gettext_lazy("{n} min"),
    1: gettext_lazy("{n} s"),
}
MILLISECONDS = gettext_lazy("{n} ms")
# Of a duration: its smaller and its larger unit, and up to how many seconds they are used.
DURATIONS = ((1, 60, 3600), (60, 3600, 86_400), (3600, 86_400, float("inf")))
CLOCKS = {
    "ahead": gettext_lazy("clock {age} ahead"),
    # From here a slow clock and a reading that was held back look the same.
    "behind": gettext_lazy("arrived {age} late"),
}
FEED = {
    "delayed": gettext_lazy("Live data is {duration} behind."),
    "down": gettext_lazy("Live data unavailable."),
    "lost": gettext_lazy("No connection to the server since {time}. Reconnecting …"),
    str(int(Close.NOT_AUTHENTICATED)): gettext_lazy("You have been logged out."),
    str(int(Close.NOT_ALLOWED)): gettext_lazy("You no longer have access to this page."),
    str(int(Close.UNKNOWN_MACHINE)): gettext_lazy("This machine no longer exists."),
    # After any other close code that is final.
    "stopped": gettext_lazy("Live updates have stopped (code {code})."),
}
# Follows a sentence of FEED where the page shows values that no message renews.
VALUES_FROM = gettext_lazy("Values below are from {time}.")
CALM = 6
TRENDS = {
    "up": gettext_lazy("rising"),
    "down": gettext_lazy("falling"),
    "flat": gettext_lazy("steady"),
}
EVENTS = {
    "online": gettext_lazy("came online"),
    "stale": gettext_lazy("went stale"),
    "offline": gettext_lazy("went offline"),
    "quality": gettext_lazy("{sensor}: quality {before} → {after}"),
}
SIGNIFICANT = 6
# JavaScript writes numbers between these without an exponent.
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-6, 1e21
# Clocks further ahead, and readings that arrive later, are shown.
AHEAD_SECONDS, BEHIND_SECONDS = 2, 30


def words() -> dict[str, Any]:
    """Collect the words of the scripts, in the language of the page."""
    catalogue: dict[str, Mapping[Any, Any]] = {
        "connectivity": CONNECTIVITY,
        "quality": QUALITIES,
        "ages": AGES,
        "clocks": CLOCKS,
        "feed": FEED,
        "trends": TRENDS,
        "events": EVENTS,
    }
    return {
        part: {str(key): str(word) for key, word in entries.items()}
        for part, entries in catalogue.items()
    } | {
        "decimal": get_format("DECIMAL_SEPARATOR"),
        "ago": _("{age} ago"),
        "since": _("since {time}"),
        "stale": _("stale"),
        "milliseconds": str(MILLISECONDS),
        "values_from": str(VALUES_FROM),
        "many_sensors": str(MANY_SENSORS),
        "unknown_value": str(UNKNOWN_VALUE),
    }


def number_text(value: float | None) -> str:
    """Write a value with six significant digits, and all before the point; a dash for None."""
    if value is None:
        return "–"
    digits = max(SIGNIFICANT, min(15, len(str(int(abs(value))))))
    # A half is rounded up, as in the scripts; formatting would round it to the even digit.
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal_from_float(value)
    return decimal(full_text(float(rounded)))


def decimal(text: str) -> str:
    """Put the decimal separator of the page's language into a number's text."""
    return text.replace(".", get_format("DECIMAL_SEPARATOR"))


def full_text(value: float | None) -> str:
    """Write a value with all its digits, as JavaScript does (ECMA-262, Number::toString).

    Python and JavaScript write the fewest digits that give the same number, but begin to use an
    exponent at different sizes.
    """
    if value is None:
        return ""
    # No minus before a zero.
    text = repr(value + 0.0).removesuffix(".0")
    if "e" not in text:
        return text
    if SMALLEST_PLAIN <= abs(value) < LARGEST_PLAIN:
        return f"{Decimal(text):f}"
    return text.replace("e-0", "e-")


def age_text(seconds: float | None) -> str:
    """Write an age as `12 s`, `3 min`, `2 h` or `4 d`; empty for None."""
    if seconds is None:
        return ""
    size = next((size for size in AGES if seconds >= size), 1)
    return str(AGES[size]).format(n=int(seconds // size))


def duration_text(seconds: float) -> str:
    """Write a duration in its two largest units, rounded: `3 ms`, `31 s`, `5 min`, `1 h 7 min`."""
    milliseconds = int(seconds * 1000 + 0.5)
    if milliseconds < 1000:
        return str(MILLISECONDS).format(n=milliseconds)
    small, large = next(
        (small, large) for small, large, limit in DURATIONS if _rounded(seconds, small) < limit
    )
    rounded = _rounded(seconds, small)
    counts = ((large, rounded // large), (small, rounded % large // small))
    return " ".join(str(AGES[size]).format(n=count) for size, count in counts if count)


def _rounded(seconds: float, unit: int) -> int:
    return int(seconds / unit + 0.5) * unit


def clock_word(skew: float) -> str:
    """Describe a clock that is ahead by `skew` seconds, or behind (negative); empty in sync."""
    if skew > AHEAD_SECONDS:
        return str(CLOCKS["ahead"]).format(age=age_text(skew))
    return str(CLOCKS["behind"]).format(age=age_text(-skew)) if -skew > BEHIND_SECONDS else ""


def sensor_label(sensor_type: str) -> str:
    """Write `vibration.drive_end` as `Vibration · drive end`; known words are translated."""
    kind, _dot, position = sensor_type.partition(".")
    label = str(QUANTITIES.get(kind, _plain(kind[:1].upper() + kind[1:])))
    place = str(POSITIONS.get(position, _plain(position)))
    return f"{label}{POSITION_SIGN}{place}" if position else label


def _plain(name: str) -> str:
    return name.replace("_", " ")


def unit_sign(unit: str) -> str:
    return str(SIGNS.get(unit, unit))


def worst_quality(qualities: Iterable[str]) -> str:
    """Return the worst of these qualities; `none` for no reading at all."""
    return max(qualities, key=_RANK.index, default="none")


def quality_word(quality: str, *, is_unknown: bool) -> str:
    """Name the quality of a value; one that could not be read is unknown."""
    return str(UNKNOWN_VALUE if is_unknown else QUALITIES[quality])


def quality_note(qualities: Mapping[str, str], worst: str) -> str:
    """Name the worst quality of a machine and its sensor; empty while all values are good.

    `qualities` are the latest ones by sensor, `worst` is the worst of them.
    """
    if worst not in ("uncertain", "bad"):
        return ""
    names = [name for name, quality in qualities.items() if quality == worst]
    where = sensor_label(names[0]) if len(names) == 1 else str(MANY_SENSORS).format(n=len(names))
    return f"{QUALITIES[worst]} ({where})"


def urgency(connectivity: str, worst: str, *, some_stale: bool) -> int:
    """Rank a machine: the smaller, the more urgent; `CALM` for one that needs no attention."""
    order = (
        connectivity == "offline",
        connectivity == "stale",
        worst == "bad",
        worst == "uncertain",
        some_stale,
        connectivity == "never_seen",
    )
    return order.index(True) if True in order else CALM
