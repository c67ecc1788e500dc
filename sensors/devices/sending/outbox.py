"""The outbox of a device: batches waiting to be posted, bounded, in order per machine."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import msgspec

# The server accepts 1,000 readings a request (MAX_BATCH) within a body of 1 MiB; a reading has
# 200 bytes with little metadata and 1,300 with the maximum.
BATCH_READINGS = 500


class Batch(msgspec.Struct, frozen=True):
    """A request with `count` readings of one machine, encoded once for all retries."""

    machine_id: str
    count: int
    body: bytes


def by_machine(
    readings: Iterable[dict[str, Any]], *, most: int = BATCH_READINGS
) -> Iterator[Batch]:
    """Yield batches of at most `most` readings; readings of a machine stay in order."""
    in_order = sorted(readings, key=itemgetter("machine_id"))
    for machine_id, group in groupby(in_order, key=itemgetter("machine_id")):
        while rows := list(islice(group, most)):
            # The machine is named once, in the batch.
            inner = [{k: v for k, v in row.items() if k != "machine_id"} for row in rows]
            body = msgspec.json.encode({"machine_id": machine_id, "readings": inner})
            yield Batch(machine_id, len(rows), body)


def parts(batch: Batch, *, most: int) -> Iterator[Batch]:
    """Split a batch into batches of at most `most` readings."""
    content = msgspec.json.decode(batch.body)
    for start in range(0, batch.count, most):
        rows = content["readings"][start : start + most]
        yield Batch(batch.machine_id, len(rows), msgspec.json.encode(content | {"readings": rows}))


class Outbox:
    """A bounded queue with one batch per machine in flight, so readings arrive in order."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.waiting = 0
        # Readings not answered yet: waiting and in flight.
        self.readings = 0
        self._lanes: dict[str, deque[tuple[int, Batch]]] = {}
        # A dict for its order: machines with a waiting batch and none in flight.
        self._ready: dict[str, None] = {}
        self._in_flight: set[str] = set()
        self._count = 0

    @property
    def is_full(self) -> bool:
        return self.waiting >= self.bound

    @property
    def is_ready(self) -> bool:
        return bool(self._ready)

    @property
    def is_empty(self) -> bool:
        """Return whether no batch waits and none is in flight."""
        return not self.waiting and not self._in_flight

    def put(self, batch: Batch) -> None:
        self._count += 1
        self._lanes.setdefault(batch.machine_id, deque()).append((self._count, batch))
        self.waiting += 1
        self.readings += batch.count
        if batch.machine_id not in self._in_flight:
            self._ready[batch.machine_id] = None

    def next_batch(self) -> Batch:
        """Return the next batch to post; call `settle` when it is answered."""
        machine_id = next(iter(self._ready))
        del self._ready[machine_id]
        self._in_flight.add(machine_id)
        return self._pop(machine_id)

    def settle(self, batch: Batch) -> None:
        self._in_flight.discard(batch.machine_id)
        self.readings -= batch.count
        if batch.machine_id in self._lanes:
            self._ready[batch.machine_id] = None

    def drop_oldest(self) -> Batch:
        """Make room: the newest values are worth more to a twin than the oldest."""
        machine_id = min(self._lanes, key=lambda name: self._lanes[name][0][0])
        batch = self._pop(machine_id)
        if machine_id not in self._lanes:
            self._ready.pop(machine_id, None)
        self.readings -= batch.count
        return batch

    def _pop(self, machine_id: str) -> Batch:
        lane = self._lanes[machine_id]
        _, batch = lane.popleft()
        self.waiting -= 1
        if not lane:
            del self._lanes[machine_id]
        return batch
