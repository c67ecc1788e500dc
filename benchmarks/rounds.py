"""Turns of A B A B: every instance of a work in turns, so that a busy machine hits all alike."""

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack

from benchmarks.instances import Instance, Start
from benchmarks.measuring import Measures
from benchmarks.works import Work

_WARM_SECONDS = 1.0
# Of one instance and work: the measures of each turn, in order.
Turns = dict[str, dict[str, list[Measures]]]


def run(works: Sequence[Work], starts: Mapping[str, Start], *, turns: int, seconds: float) -> Turns:
    """Do all works; a work's instances that this machine cannot start are left out."""
    results: Turns = {work.name: defaultdict(list) for work in works}
    with ExitStack() as stack:
        running: dict[str, Instance] = {}
        for work in sorted(works, key=lambda work: work.fresh):
            names = [name for name in work.names if name in starts]
            if work.fresh:
                stack.pop_all().close()
                running.clear()
            for name in names:
                if not work.fresh and name not in running:
                    running[name] = stack.enter_context(starts[name]())
            for turn in range(turns):
                _say(f"{work.name}: turn {turn + 1} of {turns}")
                for name in names:
                    measured = _turn(work, running.get(name) or starts[name], seconds, turn == 0)
                    results[work.name][name].append(measured)
    return results


def _turn(work: Work, instance: Instance | Start, seconds: float, is_first: bool) -> Measures:
    if not isinstance(instance, Instance):
        with instance() as fresh:
            return work.turn(fresh, seconds)
    if is_first:
        work.turn(instance, _WARM_SECONDS)
    return work.turn(instance, seconds)


def medians(turns: Iterable[Measures]) -> Measures:
    return {name: statistics.median(values) for name, values in _columns(turns).items()}


def spread(turns: Iterable[Measures], measure: str) -> tuple[float, float]:
    """The least and the most of a measure."""
    values = _columns(turns)[measure]
    return min(values), max(values)


def _columns(turns: Iterable[Measures]) -> dict[str, list[float]]:
    columns: defaultdict[str, list[float]] = defaultdict(list)
    for measures in turns:
        for name, value in measures.items():
            columns[name].append(value)
    return columns


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
