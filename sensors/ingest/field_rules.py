"""Rules of the fields of a reading, one each, for the fast and the slow path.

A rule takes the decoded field and returns the value for the parsed reading, or raises FieldRefused.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings

from sensors.enums import QUALITY_BY_WORD, Quality
from sensors.identifiers import MACHINE_ID, is_sensor_name
from sensors.messages import Scalar
from sensors.timestamps import DAY_US, SECOND_US, format_us, parse_rfc3339
from sensors.units import UNIT_LENGTH

METADATA_SIZE = 1000
NAMES_KEPT = 4096
METADATA_FIELDS = 20
METADATA_NAME_LENGTH = 64
# Whole numbers beyond this leave the 64 bits that every JSON library can take.
LARGEST_WHOLE = 2**63
LARGEST_DOUBLE = 1.7976931348623157e308
OLDEST_US = 946_684_800 * SECOND_US  # 2000-01-01: the first partition of the history
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_ENCODE = msgspec.json.Encoder().encode
_NESTED = (dict, list)


class FieldRefused(Exception):
    """Refusal of a field: `code` is stable, `detail` names the expected and the actual value."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Bounds(msgspec.Struct, frozen=True):
    """The clock and the settings that apply to one request, read once.

    Microseconds since 1970 UTC; a measured time lies from `oldest_us` to `newest_us`.
    """

    now_us: int
    oldest_us: int
    newest_us: int
    machine_id: re.Pattern[str]


def bounds(now_us: int) -> Bounds:
    """Return the bounds at this time: 2000 or MAX_AGE_DAYS ago to MAX_FUTURE_SECONDS ahead."""
    days = settings.MAX_AGE_DAYS
    return Bounds(
        now_us,
        max(OLDEST_US, now_us - days * DAY_US) if days else OLDEST_US,
        now_us + settings.MAX_FUTURE_SECONDS * SECOND_US,
        settings.MACHINE_ID_PATTERN,
    )


# A plant has few names and each reading repeats them; refused names are not cached.
@lru_cache(maxsize=NAMES_KEPT)
def machine_id_of(text: str, narrowed: re.Pattern[str]) -> str:
    """Check a machine id: the setting can only narrow the widest pattern."""
    for pattern in (narrowed, MACHINE_ID):
        if pattern.fullmatch(text) is None:
            raise FieldRefused(
                "invalid-machine-id",
                f"Expected an id that matches {pattern.pattern}, got {_shown(text)}.",
            )
    return text


@lru_cache(maxsize=NAMES_KEPT)
def sensor_name_of(text: str) -> str:
    """Check a sensor name: the slug of a type, optionally followed by a dot and a position."""
    if not is_sensor_name(text):
        _check_text(text)
        raise FieldRefused(
            "unknown-sensor", f"Expected a sensor such as temperature, got {_shown(text)}."
        )
    return text


@lru_cache(maxsize=NAMES_KEPT)
def unit_of(text: str) -> str:
    _check_text(text)
    if len(text) > UNIT_LENGTH:
        raise FieldRefused(
            "too-long", f"Expected at most {UNIT_LENGTH} characters, got {len(text)}."
        )
    if not text.strip():
        raise FieldRefused("blank", "Expected a unit such as celsius, got an empty string.")
    return text


@lru_cache(maxsize=NAMES_KEPT)
def quality_of(text: str) -> Quality:
    quality = QUALITY_BY_WORD.get(text)
    if quality is None:
        raise FieldRefused(
            "unknown-quality", f"Expected good, uncertain, poor or bad, got {_shown(text)}."
        )
    return quality


def value_of(number: float) -> float:
    """Return the number as a finite double; minus zero becomes zero."""
    if not -LARGEST_DOUBLE <= number <= LARGEST_DOUBLE:
        raise FieldRefused("number-out-of-range", "Expected a number that fits a 64-bit double.")
    return float(number) + 0.0


def measured_at_of(text: str, bounds: Bounds) -> int:
    """Parse a timestamp within the bounds to microseconds since 1970 UTC."""
    try:
        measured_at = parse_rfc3339(text)
    except ValueError:
        raise FieldRefused(
            "invalid-timestamp",
            "Expected an RFC 3339 time with an offset, such as 2026-11-23T10:30:00Z,"
            f" got {_shown(text)}.",
        ) from None
    if bounds.oldest_us <= measured_at <= bounds.newest_us:
        return measured_at
    if measured_at > bounds.newest_us:
        ahead = (bounds.newest_us - bounds.now_us) // SECOND_US
        raise FieldRefused(
            "timestamp-in-future",
            f"Expected a time at most {ahead} s ahead of the server clock"
            f" ({format_us(bounds.now_us)}), got {_shown(text)}.",
        )
    if measured_at < OLDEST_US:
        raise FieldRefused(
            "timestamp-too-old", f"Expected a time in 2000 or later, got {_shown(text)}."
        )
    days = (bounds.now_us - bounds.oldest_us) // DAY_US
    raise FieldRefused(
        "timestamp-too-old", f"Expected a time at most {days} days ago, got {_shown(text)}."
    )


def metadata_of(fields: dict[str, Any]) -> dict[str, Scalar]:
    """Check metadata; objects and lists in it become their JSON text."""
    if not fields:
        return fields
    if len(fields) > METADATA_FIELDS:
        raise FieldRefused(
            "too-many-fields", f"Expected at most {METADATA_FIELDS} keys, got {len(fields)}."
        )
    is_flat = True
    for name, value in fields.items():
        _check_name(name)
        if type(value) is str:
            _check_text(value)
        else:
            _check_metadata_value(value)
            is_flat &= not isinstance(value, _NESTED)
    encoded = _ENCODE(fields)
    # The text has at most as many characters as bytes.
    if len(encoded) > METADATA_SIZE and (size := len(encoded.decode())) > METADATA_SIZE:
        raise FieldRefused(
            "too-large", f"Expected at most {METADATA_SIZE} characters as JSON, got {size}."
        )
    if is_flat:
        return fields
    return {
        name: _ENCODE(value).decode() if isinstance(value, _NESTED) else value
        for name, value in fields.items()
    }


@lru_cache(maxsize=NAMES_KEPT)
def _check_name(name: str) -> None:
    is_short = 1 <= len(name) <= METADATA_NAME_LENGTH
    if not is_short or (not name.isprintable() and _CONTROL.search(name)):
        raise FieldRefused(
            "invalid-field-name",
            f"Expected keys of 1 to {METADATA_NAME_LENGTH} characters without control"
            f" characters, got {_shown(name)}.",
        )
    _check_text(name)


def _check_metadata_value(value: Any) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value)
    elif kind is int:
        _check_number(fits=-LARGEST_WHOLE <= value < LARGEST_WHOLE)
    elif kind is float:
        _check_number(fits=-LARGEST_DOUBLE <= value <= LARGEST_DOUBLE)
    elif kind is list:
        for inner in value:
            _check_metadata_value(inner)
    elif kind is dict:
        for name, inner in value.items():
            _check_text(name)
            _check_metadata_value(inner)


def _check_number(*, fits: bool) -> None:
    if not fits:
        raise FieldRefused("number-out-of-range", "Expected a number that fits 64 bits.")


def _check_text(text: str) -> None:
    if text.isprintable():  # no control character and no lone surrogate: the common case
        return
    if _CONTROL.search(text):
        raise FieldRefused(
            "control-character", f"Expected no control characters, got {_shown(text)}."
        )
    if _SURROGATE.search(text):
        raise FieldRefused("invalid-text", "Expected valid Unicode, got a lone surrogate.")


def _shown(text: str) -> str:
    """Escape and shorten a text for answers and log lines."""
    return ascii(text if len(text) <= 60 else text[:60] + "...")
