"""JSON as devices may send it: strict, bounded, and with a clear word for what is wrong."""

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import msgspec

from sensors.exceptions import MalformedBody

DEEPEST = 32
MOST_FIELDS = 1000
# Longer whole numbers are out of any field's range; Python would take long to read them.
LONGEST_WHOLE = 400
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Texts are passed over, so that a bracket inside one does not count.
_TEXTS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def parse_json(body: bytes) -> Any:
    """The body's data. Numbers too large for a double are infinite; a field's rule refuses them.

    Raises MalformedBody: `malformed-json`, `duplicate-key`, `too-many-fields`, `too-deep`.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedBody(f"The body is not UTF-8: {exc.reason} at byte {exc.start}.") from None
    _check_depth(text)
    _check_width(body)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_whole, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as exc:
        raise MalformedBody(f"The body is not JSON: {exc.msg} at character {exc.pos}.") from None


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return  # a scan of 50,000 keys would take longer than to decode them
    depth = 0
    for match in _TEXTS_AND_BRACKETS.finditer(text):
        mark = match[0]
        if mark in ("[", "{"):
            depth += 1
            if depth > DEEPEST:
                raise MalformedBody(
                    f"Expected at most {DEEPEST} levels of nesting.", code="too-deep"
                )
        elif mark in ("]", "}"):
            depth -= 1


def _check_width(body: bytes) -> None:
    """The same rule as `_object`'s, for the outer object alone and twenty times as fast."""
    with suppress(msgspec.DecodeError):
        if len(_FIELDS.decode(body)) > MOST_FIELDS:
            raise _too_many_fields()


def _too_many_fields() -> MalformedBody:
    detail = f"Expected at most {MOST_FIELDS} keys in an object."
    return MalformedBody(detail, code="too-many-fields")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_FIELDS:
        raise _too_many_fields()
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise MalformedBody(f"The key {twice[:64]!a} appears twice.", code="duplicate-key")
    return fields


def _whole(digits: str) -> int | float:
    if len(digits) > LONGEST_WHOLE:
        return -math.inf if digits.startswith("-") else math.inf
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBody(f"The body is not JSON: {name} is not a JSON number.")
