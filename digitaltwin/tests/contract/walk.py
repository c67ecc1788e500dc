"""The checks by the clause they hold, and how they are run: a line each, and a count."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from digitaltwin.tests.contract.instance import Instance

Check = Callable[[Instance], None]


class Miss(AssertionError):
    """What was expected of the instance, and what came."""


class NotHere(Exception):
    """Why a clause says nothing about this instance."""


class Clause(NamedTuple):
    """A sentence of the contract and what finds out whether it holds."""

    section: str
    text: str
    check: Check

    @property
    def name(self) -> str:
        return f"{self.section} {self.text}"


class Outcome(NamedTuple):
    """`word` is ok, MISS or n/a; `detail` says what came, or why not; `seconds` it took."""

    clause: Clause
    word: str
    detail: str
    seconds: float


CLAUSES: list[Clause] = []


def clause(section: str, text: str) -> Callable[[Check], Check]:
    """Register a check under the sentence it holds."""

    def register(check: Check) -> Check:
        CLAUSES.append(Clause(section, text, check))
        return check

    return register


def expect(found: Any, wanted: Any, what: str) -> None:
    """Raises Miss unless both are equal."""
    if found != wanted:
        raise Miss(f"{what}: expected {wanted!r:.200}, got {found!r:.200}")


def hold(condition: object, what: str) -> None:
    """Raises Miss unless the condition is true."""
    if not condition:
        raise Miss(what)


def walk(here: Instance, *, only: str = "") -> Iterator[Outcome]:
    """Run the clauses whose names match, one after the other."""
    if not CLAUSES:
        raise RuntimeError("No clause is registered: import the modules that hold them.")
    wanted = re.compile(only, re.IGNORECASE)
    for one in CLAUSES:
        if wanted.search(one.name):
            yield outcome_of(one, here)


def outcome_of(one: Clause, here: Instance) -> Outcome:
    """What became of this one check, whatever it raises."""
    began = time.monotonic()
    word, detail = _judged(one, here)
    return Outcome(one, word, detail, time.monotonic() - began)


def _judged(one: Clause, here: Instance) -> tuple[str, str]:
    try:
        one.check(here)
    except NotHere as exc:
        return "n/a", str(exc)
    except Miss as exc:
        return "MISS", str(exc)
    except Exception as exc:  # whatever it is, the walk goes on
        return "MISS", repr(exc)
    return "ok", ""
