"""Query parameters of the read API: each one known, given at most once, and well formed."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from django.http import QueryDict
from rest_framework.exceptions import NotAcceptable

from sensors.exceptions import FieldError, InvalidReadings
from sensors.history.queries import readings
from sensors.history.queries.readings import PageCursor
from sensors.identifiers import is_machine_id, is_sensor_name
from sensors.timestamps import parse_rfc3339

T = TypeVar("T")

MAX_RESULTS = 1000
DEFAULT_RESULTS = 100
_PAGE_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)


class InvalidParameters(InvalidReadings):
    """A query with parameters that are refused."""

    title = "Invalid query parameters"


class HistoryParameters(msgspec.Struct, frozen=True):
    """Parameters of `/sensors/readings`; an empty name stands for all, times in microseconds."""

    machine_id: str = ""
    sensor_type: str = ""
    start: int = readings.FIRST_US
    end: int = readings.END_US
    limit: int = DEFAULT_RESULTS
    cursor: PageCursor | None = None


class MachineListParameters(msgspec.Struct, frozen=True):
    """Parameters of `/machines`; `cursor` is the machine_id after which the page begins."""

    limit: int = DEFAULT_RESULTS
    cursor: str = ""


def history_parameters(query: QueryDict) -> HistoryParameters:
    """Parse the query. Raises InvalidParameters: `invalid-parameter`, `invalid-range`."""
    parameters = HistoryParameters(**_parse(query, _HISTORY))
    if parameters.start > parameters.end:
        detail = "`start` must not be after `end`."
        raise InvalidParameters([FieldError("start", "invalid-range", detail)])
    return parameters


def machine_list_parameters(query: QueryDict) -> MachineListParameters:
    """Parse the query. Raises InvalidParameters: `invalid-parameter`."""
    return MachineListParameters(**_parse(query, _MACHINES))


def no_parameters(query: QueryDict) -> None:
    """Refuse any parameter. Raises InvalidParameters."""
    _parse(query, {})


def history_cursor(cursor: PageCursor) -> str:
    """Return the cursor as text for a `next` address."""
    return _opaque(f"{cursor.measured_at}.{cursor.sensor_id}")


def machine_cursor(machine_id: str) -> str:
    """Return the cursor after this machine as text for a `next` address."""
    return _opaque(machine_id)


def _parse(query: QueryDict, parsers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    if query.get("format", "json") != "json":
        raise NotAcceptable
    parameters: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name in query:
        if name == "format":
            continue
        try:
            parameters |= _value(name, query.getlist(name), parsers)
        except ValueError as exc:
            errors.append(FieldError(name[:64], "invalid-parameter", f"{exc}."))
    if errors:
        raise InvalidParameters(errors)
    return parameters


def _value(name: str, values: list[str], parsers: Mapping[str, Callable[[str], T]]) -> dict[str, T]:
    """Parse the parameter. Raises ValueError."""
    if name not in parsers:
        raise ValueError(f"Expected {_one_of(parsers)}, got {name[:64]!a}")
    if len(values) > 1:
        raise ValueError(f"Expected {name} at most once, got it {len(values)} times")
    # Empty values are parsed too: a client that lost its machine_id did not ask for all machines.
    return {name: parsers[name](values[0])}


def _one_of(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"one of {listed}" if listed else "no parameters"


def _limit(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not 1 <= int(text) <= MAX_RESULTS:
        raise ValueError(f"Expected a whole number from 1 to {MAX_RESULTS}, got {text[:60]!a}")
    return int(text)


def _machine_id(text: str) -> str:
    if not is_machine_id(text):
        raise ValueError(f"Expected a machine_id, got {text[:60]!a}")
    return text


def _sensor_type(text: str) -> str:
    if not is_sensor_name(text):
        raise ValueError(f"Expected a sensor such as temperature, got {text[:60]!a}")
    return text


def _moment(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as exc:
        raise ValueError(f"Expected an RFC 3339 time with an offset, got {text[:60]!a}") from exc


def _opaque(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _transparent(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded.encode(), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError) as exc:
        raise ValueError("Expected a cursor from a `next` link") from exc


def _page_cursor(cursor: str) -> PageCursor:
    match = _PAGE_CURSOR.fullmatch(_transparent(cursor))
    if match is None:
        raise ValueError("Expected a cursor from a `next` link")
    return PageCursor(int(match[1]), int(match[2]))


_HISTORY: dict[str, Callable[[str], Any]] = {
    "machine_id": _machine_id,
    "sensor_type": _sensor_type,
    "start": _moment,
    "end": _moment,
    "limit": _limit,
    "cursor": _page_cursor,
}
_MACHINES: dict[str, Callable[[str], Any]] = {
    "limit": _limit,
    "cursor": lambda cursor: _machine_id(_transparent(cursor)),
}
