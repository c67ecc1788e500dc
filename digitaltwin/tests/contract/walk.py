"""Clauses of the contract with their checks, and the walk that runs them."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from digitaltwin.tests.contract.instance import Instance

Check = Callable[[Instance], None]


class Miss(AssertionError):
    """A clause that does not hold: the expected and the actual value."""


class NotHere(Exception):
    """The reason why a clause is not applicable to this instance."""


class Clause(NamedTuple):
    """A sentence of the contract and the check that it holds."""

    section: str
    text: str
    check: Check

    @property
    def name(self) -> str:
        return f"{self.section} {self.text}"


class Outcome(NamedTuple):
    """Outcome of a check: `word` is ok, MISS or n/a, with a detail and the seconds it took."""

    clause: Clause
    word: str
    detail: str
    seconds: float


CLAUSES: list[Clause] = []


def clause(section: str, text: str) -> Callable[[Check], Check]:
    """Register a check under its clause."""

    def register(check: Check) -> Check:
        CLAUSES.append(Clause(section, text, check))
        return check

    return register


def expect(found: Any, wanted: Any, what: str) -> None:
    """Raise Miss unless both are equal."""
    if found != wanted:
        raise Miss(f"{what}: expected {wanted!r:.200}, got {found!r:.200}")


def hold(condition: object, what: str) -> None:
    """Raise Miss unless the condition is true."""
    if not condition:
        raise Miss(what)


def walk(here: Instance, *, only: str = "") -> Iterator[Outcome]:
    """Run the clauses whose names match, one after the other."""
    if not CLAUSES:
        raise RuntimeError("No clause is registered: import the modules that hold them.")
    wanted = re.compile(only, re.IGNORECASE)
    for candidate in CLAUSES:
        if wanted.search(candidate.name):
            yield outcome_of(candidate, here)


def outcome_of(checked: Clause, here: Instance) -> Outcome:
    """Run the check of a clause; an exception is a miss."""
    started = time.monotonic()
    word, detail = _run(checked, here)
    return Outcome(checked, word, detail, time.monotonic() - started)


def _run(checked: Clause, here: Instance) -> tuple[str, str]:
    try:
        checked.check(here)
    except NotHere as exc:
        return "n/a", str(exc)
    except Miss as exc:
        return "MISS", str(exc)
    except Exception as exc:  # of any kind: the walk continues with the next clause
        return "MISS", repr(exc)
    return "ok", ""
