"""Scopes: the machines that a person may see, by their places in the plant (ISA-95).

Pure: nothing here asks a database.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec

# Characters of a key: 128 bits, and short enough for the name of a Channels group.
KEY_CHARACTERS = 32


class Place(NamedTuple):
    """A site, an area or a line: the lowest level that is named, with everything below it.

    Levels above the lowest one are compared as they are, also where they are empty: a plant of
    one site may name lines alone, and its `L1` is not the `L1` of another site.
    """

    site: str = ""
    area: str = ""
    line: str = ""


class Placed(Protocol):
    """A machine with its place: a row of the database or a description of the catalogue."""

    @property
    def site(self) -> str: ...

    @property
    def area(self) -> str: ...

    @property
    def line(self) -> str: ...


class Scope(msgspec.Struct, frozen=True):
    """The places whose machines a person may see; None for all machines.

    Make a restricted scope with `restricted_to`. A machine without a place is in no restricted
    scope.
    """

    places: frozenset[Place] | None = None

    @property
    def is_everything(self) -> bool:
        return self.places is None

    def sees(self, machine: Placed) -> bool:
        """Return whether the machine is in this scope."""
        if self.places is None:
            return True
        levels = _levels(Place(machine.site, machine.area, machine.line))
        return any(level in self.places for level in levels)

    @property
    def key(self) -> str:
        """The scope's name in Redis and in groups, as hexadecimal digits; empty for all."""
        return "" if self.places is None else _key(self.places)

    @property
    def text(self) -> str:
        """The places as JSON, the same text for equal scopes; `parse_scope` reads it."""
        return _text(self.places)


EVERYTHING = Scope()
NOTHING = Scope(frozenset())


def restricted_to(places: Iterable[Place]) -> Scope:
    """Return the scope of these places, the same one for all lists that cover the same machines.

    Raises ValueError for a place that names no level.
    """
    named = frozenset(places)
    if Place() in named:
        raise ValueError("expected a site, an area or a line, got an empty place")
    return Scope(frozenset(place for place in named if not _is_inside_another(place, named)))


def parse_scope(text: str) -> Scope:
    """Return the scope whose `text` this is. Raises ValueError."""
    try:
        places = msgspec.json.decode(text, type=list[Place] | None)
    except msgspec.DecodeError as exc:
        raise ValueError(f"expected the text of a scope, got {text[:60]!a}") from exc
    return EVERYTHING if places is None else restricted_to(places)


def _levels(place: Place) -> Iterator[Place]:
    """Yield the place itself, its area and its site."""
    yield place
    yield place._replace(line="")
    yield Place(place.site)


def _is_inside_another(place: Place, places: frozenset[Place]) -> bool:
    return any(level != place and level in places for level in _levels(place))


def _text(places: frozenset[Place] | None) -> str:
    return msgspec.json.encode(None if places is None else sorted(places)).decode()


# A process meets few scopes, and asks for the key of each with every frame.
@lru_cache(maxsize=1024)
def _key(places: frozenset[Place]) -> str:
    return sha256(_text(places).encode()).hexdigest()[:KEY_CHARACTERS]
