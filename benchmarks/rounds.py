"""Turns of A B A B: every instance of a work in turns, so that a busy machine affects all alike."""

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.instances import PEERS, Instance, Start
from benchmarks.measuring import Measures
from benchmarks.works import Work

_WARM_SECONDS = 1.0
# Of one instance and work: the measures of each turn, in order.
Turns = dict[str, dict[str, list[Measures]]]


def run(works: Sequence[Work], starts: Mapping[str, Start], *, turns: int, seconds: float) -> Turns:
    """Run all works; instances that this machine cannot start are left out.

    A turn in which a peer breaks is left out too, and the peer starts anew; where the product
    breaks, the run ends.
    """
    results: Turns = {work.name: defaultdict(list) for work in works}
    instances = _Instances(starts)
    try:
        for work in sorted(works, key=lambda work: work.fresh):
            names = [name for name in work.names if name in starts]
            if work.fresh:
                instances.stop_all()
            for name in [] if work.fresh else names:
                instances.get(name)
            for turn in range(turns):
                _say(f"{work.name}: turn {turn + 1} of {turns}")
                for name in names:
                    with _left_out_if_broken(instances, name):
                        measured = _turn(work, instances, name, seconds, is_first=turn == 0)
                        results[work.name][name].append(measured)
    finally:
        instances.stop_all()
    return results


class _Instances:
    """The running instances; a broken one can be replaced."""

    def __init__(self, starts: Mapping[str, Start]) -> None:
        self._starts = starts
        self._running: dict[str, tuple[Instance, ExitStack]] = {}

    def get(self, name: str) -> Instance:
        """Return this instance, started if necessary."""
        if name not in self._running:
            with ExitStack() as stack:
                instance = stack.enter_context(self._starts[name]())
                self._running[name] = (instance, stack.pop_all())
        return self._running[name][0]

    def stop(self, name: str) -> None:
        if name in self._running:
            _, stack = self._running.pop(name)
            stack.close()

    def stop_all(self) -> None:
        for name in [*self._running]:
            self.stop(name)


@contextmanager
def _left_out_if_broken(instances: _Instances, name: str) -> Iterator[None]:
    try:
        yield
    except Exception as exc:
        if name not in PEERS:
            raise
        instances.stop(name)
        _say(f"{name} broke, this turn of it is left out: {exc!r}")


def _turn(
    work: Work, instances: _Instances, name: str, seconds: float, *, is_first: bool
) -> Measures:
    instance = instances.get(name)
    if work.fresh:
        measured = work.turn(instance, seconds)
        instances.stop(name)
        return measured
    if is_first:
        work.turn(instance, _WARM_SECONDS)
    return work.turn(instance, seconds)


def medians(turns: Iterable[Measures]) -> Measures:
    return {name: statistics.median(values) for name, values in _columns(turns).items()}


def spread(turns: Iterable[Measures], measure: str) -> tuple[float, float]:
    """Return the minimum and the maximum of a measure."""
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
