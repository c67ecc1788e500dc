"""One turn: load an instance and measure its cost until it is drained."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from benchmarks import usage
from benchmarks.instances import Instance
from benchmarks.plan import Plan, Result
from digitaltwin.tests.support.servers import ROOT, stop, wait_for

Measures = dict[str, float]
_DRAIN_SECONDS = 180.0
_FIRST_SOCKETS = 100
_SETTLE_SECONDS = 1.0
_END_SECONDS = 10.0


def load_turn(instance: Instance, plan: Plan) -> Measures:
    """Throughput, latencies, and server CPU per reading and per delivery.

    CPU is in microseconds, of all processes (`cpu_us`) and by role (`cpu_us_web`), from the first
    request until the instance is drained. `lost` readings were accepted and not processed,
    `doubled` ones processed more than once; likewise for deliveries. `rows_amiss` is by how many
    rows PostgreSQL holds more or less than was accepted.
    """
    memory = usage.resident_kb(instance.pids)
    with _load(plan) as load:
        wait_for(lambda: _line(load) == "ready", what="the sockets open", seconds=300)
        opened = usage.resident_kb(instance.pids)
        rows = instance.rows() if instance.rows else 0
        processed, spent = instance.processed(), usage.cpu_seconds(instance.pids)
        began = time.perf_counter()
        _say(load, "go")
        result = msgspec.json.decode(_line(load), type=Result)
        wait_for(instance.is_drained, what=f"{instance.name} is drained", seconds=_DRAIN_SECONDS)
        seconds = time.perf_counter() - began
        cpu = _difference(usage.cpu_seconds(instance.pids), spent)
        processed = instance.processed() - processed
        after = usage.resident_kb(instance.pids)
        stored = {"rows": instance.rows() - rows} if instance.rows else {}
    return {
        **_rates(result, seconds),
        **{f"{name}_amiss": abs(result.accepted - count) for name, count in stored.items()},
        **_per(cpu, "cpu_us", result.accepted),
        **(_per(cpu, "delivery_cpu_us", result.delivered) if plan.sockets else {}),
        "lost": max(0, result.accepted - processed) if processed else 0,
        "doubled": max(0, processed - result.accepted - result.uncounted),
        "web_mb": after.get("web", 0) / 1024,
        "socket_kb": _socket_kb(plan, memory, opened),
    }


def idle_turn(instance: Instance, seconds: float) -> Measures:
    """Measure the cost of the whole instance while it is idle."""
    spent = usage.cpu_seconds(instance.pids)
    time.sleep(seconds)
    cpu = _difference(usage.cpu_seconds(instance.pids), spent)
    shares = {f"idle_percent_{role}": 100 * one / seconds for role, one in cpu.items()}
    memory = usage.resident_kb(instance.pids)
    return {
        "idle_percent": sum(shares.values()),
        **shares,
        "web_mb": memory.get("web", 0) / 1024,
        "all_mb": sum(memory.values()) / 1024,
    }


def socket_turn(instance: Instance, plan: Plan) -> Measures:
    """Measure the cost of an open socket: memory of the web process, CPU a second by role.

    The memory is that of the 101st to the last: the first ones load modules and connect for all.
    """
    first = msgspec.structs.replace(plan, sockets=_FIRST_SOCKETS)
    with _load(first) as few:
        wait_for(lambda: _line(few) == "ready", what="the first sockets open", seconds=300)
        time.sleep(_SETTLE_SECONDS)
        memory = usage.resident_kb(instance.pids)
        with _load(plan) as load:
            wait_for(lambda: _line(load) == "ready", what="the sockets open", seconds=300)
            time.sleep(_SETTLE_SECONDS)
            opened = usage.resident_kb(instance.pids)
            idle = idle_turn(instance, plan.seconds)
    return {
        "socket_kb": _socket_kb(plan, memory, opened),
        **{
            name.replace("idle_percent", "open_cpu_us"): share / 100 * 1e6 / plan.sockets
            for name, share in idle.items()
            if name.startswith("idle_percent")
        },
    }


class _load:  # noqa: N801 - reads as what it is: with _load(plan)
    """A load generator with its plan, ended in every case."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __enter__(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        _say(self._process, msgspec.json.encode(self._plan).decode())
        return self._process

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        # It ends by itself then; a signal in the midst of that would fill the screen.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        stop(self._process)  # type: ignore[arg-type]


def _say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line: str = process.stdout.readline()
    if not line:
        raise RuntimeError("the load generator ended early")
    return line.strip()


def _rates(result: Result, seconds: float) -> Measures:
    refused = sum(n for status, n in result.statuses.items() if not 200 <= status < 300)
    return {
        "requests_per_s": result.requests / result.seconds,
        "readings_per_s": result.accepted / result.seconds,
        "drained_per_s": result.accepted / seconds,
        "accepted": result.accepted,
        "refused": refused,
        "p50_ms": result.p50_ms,
        "p99_ms": result.p99_ms,
        "delivery_p50_ms": result.delivery_p50_ms,
        "delivery_p99_ms": result.delivery_p99_ms,
        "last_p99_ms": result.last_p99_ms,
        "deliveries": result.delivered,
        "deliveries_lost": result.expected - result.delivered,
        "deliveries_doubled": result.doubled,
        "sockets_closed": result.closed,
    }


def _per(cpu: Mapping[str, float], name: str, units: int) -> Measures:
    each = {role: seconds / max(1, units) * 1e6 for role, seconds in cpu.items()}
    return {name: sum(each.values()), **{f"{name}_{role}": us for role, us in each.items()}}


def _socket_kb(plan: Plan, before: Mapping[str, float], after: Mapping[str, float]) -> float:
    return (after.get("web", 0) - before.get("web", 0)) / plan.sockets if plan.sockets else 0.0


def _difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {role: seconds - before.get(role, 0) for role, seconds in after.items()}
