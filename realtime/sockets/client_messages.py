"""Commands of clients on a socket, strictly parsed; a bad one is answered with an `error`."""

import json
from collections.abc import Callable
from typing import Any, Never

import msgspec

from sensors.identifiers import is_machine_id

MAX_SUBSCRIPTIONS = 200
MAX_TEXT_BYTES = 64 * 1024


class Ping(msgspec.Struct, frozen=True):
    pass


class GetLatest(msgspec.Struct, frozen=True):
    pass


class Subscribe(msgspec.Struct, frozen=True):
    """Follow exactly these machines; an empty list returns to the dashboard."""

    machine_ids: tuple[str, ...]


Command = Ping | GetLatest | Subscribe


class CommandRefused(Exception):
    """A message that is refused: `code` and text for the client's `error`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_command(text: str | None) -> Command:
    """Parse a client's message; None stands for a binary frame. Raises CommandRefused."""
    if text is None:
        raise CommandRefused("binary-not-supported", "Expected a text frame, got a binary frame.")
    message = _json(text)
    if not isinstance(message, dict):
        raise CommandRefused("invalid-structure", "Expected a JSON object with a type.")
    if "type" not in message:
        raise CommandRefused("required", "Expected a message with a type.")
    kind = message.pop("type")
    parse = _PARSERS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise CommandRefused("unknown-type", f"Expected one of {', '.join(_PARSERS)}.")
    return parse(message)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as exc:
        raise CommandRefused("invalid-json", "Expected valid JSON without duplicate keys.") from exc


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("duplicate key")
    return fields


def _constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _no_fields(fields: dict[str, Any]) -> None:
    if fields:
        raise CommandRefused(
            "unknown-field", "The message has a field that its type does not accept."
        )


def _ping(fields: dict[str, Any]) -> Command:
    _no_fields(fields)
    return Ping()


def _get_latest(fields: dict[str, Any]) -> Command:
    _no_fields(fields)
    return GetLatest()


def _subscribe(fields: dict[str, Any]) -> Command:
    if "machine_ids" not in fields:
        raise CommandRefused("required", "subscribe requires machine_ids.")
    machine_ids = fields.pop("machine_ids")
    _no_fields(fields)
    if not isinstance(machine_ids, list):
        raise CommandRefused("invalid-structure", "machine_ids must be a list of strings.")
    if len(machine_ids) > MAX_SUBSCRIPTIONS:
        raise CommandRefused(
            "too-many-subscriptions",
            f"Expected at most {MAX_SUBSCRIPTIONS} machines, got {len(machine_ids)}.",
        )
    if not all(map(is_machine_id, machine_ids)):
        raise CommandRefused("invalid-machine-id", "machine_ids contains an invalid machine id.")
    return Subscribe(tuple(dict.fromkeys(machine_ids)))


_PARSERS: dict[str, Callable[[dict[str, Any]], Command]] = {
    "ping": _ping,
    "get_latest": _get_latest,
    "subscribe": _subscribe,
}
