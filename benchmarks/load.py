"""The load generator, a process of its own: `python -m benchmarks.load`.

It reads its plan from the first line, opens its sockets, says `ready`, begins to post when the
next line comes in, ends by itself and prints what happened as one line of JSON.
"""

import asyncio
import contextlib
import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec
import uvloop

from benchmarks import wrk
from benchmarks.bodies import Bodies
from benchmarks.plan import Plan, Result
from benchmarks.poster import Poster
from benchmarks.watcher import Deliveries, Watcher

_OPENED_AT_ONCE = 50
_OPEN_SECONDS = 240.0
_SETTLE_SECONDS = 2.0
_DRAIN_SECONDS = 10.0
_ANSWER_SECONDS = 20.0
_PATH = "/api/v1/sensors/readings"


class Load:
    """A plan in progress."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._bodies = Bodies()
        self._deliveries = Deliveries()
        self._answer_seconds: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._accepted: defaultdict[str, int] = defaultdict(int)
        # (machine, number) of readings without an answer: the server may have them or not.
        self._unanswered: list[tuple[str, int]] = []
        self._watchers: list[Watcher] = []

    async def open_sockets(self) -> None:
        numbers = range(self._plan.sockets)
        for start in numbers[::_OPENED_AT_ONCE]:
            opened = [await self._open_socket(n) for n in numbers[start : start + _OPENED_AT_ONCE]]
            self._watchers += opened
            await asyncio.wait_for(
                asyncio.gather(*(watcher.opened for watcher in opened)), _OPEN_SECONDS
            )
        await asyncio.sleep(_SETTLE_SECONDS)

    async def post(self) -> Result:
        plan = self._plan
        began = time.perf_counter()
        turns = itertools.count()
        await asyncio.gather(*(self._keep_posting(turns, began) for _ in range(plan.connections)))
        seconds = time.perf_counter() - began
        await self._drain()
        return self._result(seconds)

    def close(self) -> None:
        for watcher in self._watchers:
            watcher.close()

    async def _open_socket(self, number: int) -> Watcher:
        plan = self._plan
        # The sockets of a machine are neighbours: behind a balancer they lie on all processes.
        machine = plan.devices[number * plan.watched // plan.sockets][0]
        request = (
            f"GET /ws/machines/{machine}{plan.socket_query} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{plan.port}\r\n"
        )
        _, watcher = await asyncio.get_running_loop().create_connection(
            lambda: Watcher(machine, request, self._deliveries), "127.0.0.1", plan.port
        )
        return watcher

    async def _keep_posting(self, turns: Iterator[int], began: float) -> None:
        plan = self._plan
        _, poster = await asyncio.get_running_loop().create_connection(
            lambda: Poster(f"127.0.0.1:{plan.port}"), "127.0.0.1", plan.port
        )
        while not poster.is_lost:
            turn = next(turns)
            due = began + turn / plan.rate if plan.rate else time.perf_counter()
            if due >= began + plan.seconds:
                break
            if due > (now := time.perf_counter()):
                await asyncio.sleep(due - now)
            await self._post_one(poster, turn, due)
        poster.close()

    async def _post_one(self, poster: Poster, turn: int, due: float) -> None:
        """Post one request; its time counts from its due moment, so that no wait is left out."""
        plan = self._plan
        machine, token = plan.devices[turn % len(plan.devices)]
        headers = f"Authorization: Bearer {token}\r\n" if token else ""
        sent_at = self._deliveries.sent_at[machine]
        numbers = range(len(sent_at), len(sent_at) + plan.size)
        if plan.sockets:
            sent_at += [due] * plan.size
        if plan.size == 1:
            answer = poster.post(_PATH, headers, self._bodies.single(machine))
        else:
            answer = poster.post(f"{_PATH}/batch", headers, self._bodies.batch(machine, plan.size))
        status = await self._status(poster, answer)
        self._answer_seconds.append(time.perf_counter() - due)
        self._statuses[status] += 1
        if 0 < status < 300:
            self._accepted[machine] += plan.size
        elif status == 0:
            self._unanswered += [(machine, number) for number in numbers]

    async def _status(self, poster: Poster, answer: asyncio.Future[int]) -> int:
        """Return the status of the answer; 0 without one, which ends this connection."""
        try:
            return await asyncio.wait_for(answer, _ANSWER_SECONDS)
        except (ConnectionError, TimeoutError):
            poster.close()
            return 0

    async def _drain(self) -> None:
        """Wait until the sockets have every reading, or receive none for a while."""
        deadline = time.perf_counter() + _DRAIN_SECONDS
        while len(self._deliveries.seconds) < self._expected() and time.perf_counter() < deadline:
            before = len(self._deliveries.seconds)
            await asyncio.sleep(0.1)
            if len(self._deliveries.seconds) > before:
                deadline = time.perf_counter() + _DRAIN_SECONDS

    def _expected(self) -> int:
        """Count the missing deliveries: accepted readings on each socket of their machine."""
        plan = self._plan
        if not plan.sockets:
            return 0
        watched = (self._accepted[name] for name, _ in plan.devices[: plan.watched])
        came = sum(one in self._deliveries.last_seconds for one in self._unanswered)
        return plan.sockets // plan.watched * (sum(watched) + came)

    def _result(self, seconds: float) -> Result:
        deliveries = self._deliveries
        return Result(
            requests=len(self._answer_seconds),
            seconds=seconds,
            accepted=sum(self._accepted.values()),
            statuses=dict(self._statuses),
            p50_ms=_quantile_ms(self._answer_seconds, 0.5),
            p99_ms=_quantile_ms(self._answer_seconds, 0.99),
            expected=self._expected(),
            delivered=len(deliveries.seconds),
            doubled=deliveries.doubled,
            closed=deliveries.closed,
            delivery_p50_ms=_quantile_ms(deliveries.seconds, 0.5),
            delivery_p99_ms=_quantile_ms(deliveries.seconds, 0.99),
            last_p99_ms=_quantile_ms(list(deliveries.last_seconds.values()), 0.99),
        )


def _quantile_ms(seconds: Sequence[float], share: float) -> float:
    if not seconds:
        return 0.0
    return round(sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))] * 1000, 3)


async def _run(plan: Plan) -> None:
    load = Load(plan)
    await load.open_sockets()
    print("ready", flush=True)
    if await _next_line():
        result = await wrk.post(plan) if plan.by_wrk and wrk.is_here() else await load.post()
        print(msgspec.json.encode(result).decode(), flush=True)
    load.close()


async def _next_line() -> bytes:
    """Read lines of stdin without a thread that outlives an interrupted run."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return await reader.readline()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # whoever began it may end it by a signal
        uvloop.run(_run(msgspec.json.decode(sys.stdin.readline(), type=Plan)))
