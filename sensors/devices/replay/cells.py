"""Cells of a recording: times and numbers."""

import math
import re
from datetime import UTC, datetime

from sensors.timestamps import from_datetime

_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?", re.ASCII)
_OFFSET = re.compile(r"\s?(?:[Zz]|[+-]\d\d(?::?\d\d)?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

MAX_SHOWN = 40


class CellRefused(Exception):
    """A cell that cannot be read; the text names the expected and the actual value."""


def parse_time(text: str) -> int:
    """Parse a time to microseconds since 1970 UTC; naive times are UTC. Raises CellRefused."""
    date_and_time = _TIME.match(text)
    offset = text[date_and_time.end() :] if date_and_time else ""
    if date_and_time and (not offset or _OFFSET.fullmatch(offset)):
        try:
            moment = datetime.fromisoformat(date_and_time[0].upper() + offset.strip().upper())
            return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except ValueError:
            pass  # such as 31 February
    raise CellRefused(f"expected a time such as 2026-11-23T10:30:00Z, got {shown(text)}")


def parse_number(text: str) -> float:
    """Parse a finite number, or NaN where the recorder wrote NaN. Raises CellRefused."""
    if text.lower() == "nan":
        return math.nan
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    raise CellRefused(f"expected a number such as 1.5, got {shown(text)}")


def shown(text: str) -> str:
    """Quote a text of the file for a message, on one line and shortened."""
    return repr(text) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]!r}…"
