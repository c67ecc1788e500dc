"""Timestamps: microseconds since 1970 UTC inside, RFC 3339 outside."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_UNIX_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the arithmetic below needs it naive
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
# RFC 3339 5.6, with an offset within the +-14:00 that civil time uses.
_SECOND = re.compile(r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)
RFC3339 = re.compile(
    rf"({_SECOND.pattern})(?:\.(\d{{1,32}}))?"
    r"(?:[Zz]|([+-])(?:(0\d|1[0-3]):([0-5]\d)|(14):00))",
    re.ASCII,
)
_POINT = len("2026-11-27T10:30:00")
_LONGEST = _POINT + len(".") + 32 + len("Z")


def now_us() -> int:
    """Return the current time in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def parse_rfc3339(text: str) -> int:
    """Parse an RFC 3339 time to microseconds since 1970 UTC; digits beyond the sixth are cut.

    Raises ValueError when the text is not an RFC 3339 time with an offset.
    """
    # The form of nearly all devices, in three fifths of the time of the expression below
    # (`python -m benchmarks.instructions`).
    if text[_POINT : _POINT + 1] == "." and text[-1] == "Z" and len(text) <= _LONGEST:
        digits = text[_POINT + 1 : -1]
        if digits.isdecimal() and digits.isascii():
            return _us_of_second(text[:_POINT]) + _us_of_digits(digits)
    match = RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("expected an RFC 3339 time with an offset")
    moment, fraction, sign, hours, minutes, fourteen = match.groups()
    us = _us_of_second(moment)
    if fraction:
        us += _us_of_digits(fraction)
    if sign:
        offset = (int(hours or fourteen) * 60 + int(minutes or 0)) * 60 * SECOND_US
        us += -offset if sign == "+" else offset
    return us


def _us_of_digits(fraction: str) -> int:
    return int(fraction if len(fraction) == 6 else fraction[:6].ljust(6, "0"))


def format_us(us: int) -> str:
    """Format as RFC 3339 in UTC with `Z` and six digits."""
    second, rest = divmod(us, SECOND_US)
    digits = str(SECOND_US + rest)[1:]  # keeps the zeros, faster than a format
    return f"{_text_of_second(second)}.{digits}Z"


# Most readings share the same few seconds.
@lru_cache(maxsize=1024)
def _us_of_second(moment: str) -> int:
    if _SECOND.fullmatch(moment) is None:
        raise ValueError("expected an RFC 3339 time with an offset")
    # In whole numbers, so that 0001-01-01T00:00:00+14:00 does not leave datetime's range.
    return (datetime.fromisoformat(moment) - NAIVE_UNIX_EPOCH) // MICROSECOND


@lru_cache(maxsize=1024)
def _text_of_second(second: int) -> str:
    return (NAIVE_UNIX_EPOCH + timedelta(seconds=second)).isoformat()


def to_datetime(us: int) -> datetime:
    return UNIX_EPOCH + timedelta(microseconds=us)


def from_datetime(moment: datetime) -> int:
    return (moment - UNIX_EPOCH) // MICROSECOND
