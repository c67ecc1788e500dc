"""The measured works: the rows of the table."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.instances import Instance
from benchmarks.limit import limit_turn
from benchmarks.measuring import Measures, idle_turn, load_turn, socket_turn
from benchmarks.plan import Plan

# One key a machine, as a plant has it: the default rate limit stays on.
_POSTING = 200


@dataclass(frozen=True)
class Work:
    """`turn(instance, seconds)` runs it once; `names` are its instances, the peer first.

    `fresh` work starts its instances anew for every turn: freed memory is used again.
    """

    name: str
    title: str
    names: tuple[str, ...]
    turn: Callable[[Instance, float], Measures]
    fresh: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table: a measure of a work, and the ratio to the peer that is due.

    `headline` is the instance whose median the README shows; empty for none.
    """

    work: str
    measure: str
    title: str
    unit: str
    more_is_better: bool = False
    due: str = ""
    headline: str = ""


def _single(instance: Instance, seconds: float) -> Measures:
    plan = Plan(instance.port, instance.devices[:_POSTING], seconds, connections=32, by_wrk=True)
    return _load_or_limit(instance, plan)


def _batch(instance: Instance, seconds: float) -> Measures:
    plan = Plan(
        instance.port, instance.devices[:_POSTING], seconds, connections=8, size=100, by_wrk=True
    )
    return _load_or_limit(instance, plan)


def _load_or_limit(instance: Instance, plan: Plan) -> Measures:
    return limit_turn(instance, plan) if instance.name == "redis" else load_turn(instance, plan)


def _stored(instance: Instance, seconds: float) -> Measures:
    """Sustained: every machine is watched, and the clock runs until all readings are stored."""
    plan = Plan(
        instance.port,
        instance.devices[:100],
        2 * seconds,
        connections=8,
        size=100,
        sockets=100,
        watched=100,
        socket_query=instance.socket_query,
    )
    return load_turn(instance, plan)


def _split(instance: Instance, seconds: float) -> Measures:
    """Two sockets a machine: behind a balancer, one on each of two web processes."""
    plan = Plan(
        instance.port,
        instance.devices[:100],
        seconds,
        connections=8,
        size=100,
        sockets=200,
        watched=100,
        socket_query=instance.socket_query,
    )
    return load_turn(instance, plan)


def _split_single(instance: Instance, seconds: float) -> Measures:
    """Run `_single` and count every reading: none lost, none doubled."""
    plan = Plan(instance.port, instance.devices[:_POSTING], seconds, connections=32)
    return load_turn(instance, plan)


def _fanout(instance: Instance, seconds: float) -> Measures:
    plan = Plan(
        instance.port,
        instance.devices[:1],
        seconds,
        rate=10,
        sockets=1000,
        socket_query=instance.socket_query,
    )
    return load_turn(instance, plan)


def _sockets(instance: Instance, seconds: float) -> Measures:
    plan = Plan(
        instance.port,
        instance.devices[:1],
        seconds,
        sockets=1000,
        socket_query=instance.socket_query,
    )
    return {**idle_turn(instance, seconds), **socket_turn(instance, plan)}


def _plant(instance: Instance, seconds: float) -> Measures:
    plan = Plan(
        instance.port,
        instance.devices,
        2 * seconds,
        connections=64,
        rate=2000,
        sockets=10_000,
        watched=len(instance.devices),
        socket_query=instance.socket_query,
    )
    return load_turn(instance, plan)


WORKS = (
    Work(
        "single",
        "One reading a POST, 32 connections",
        ("seed", "redis", "embedded", "redis_postgres"),
        _single,
    ),
    Work(
        "batch",
        "Batches of 100, 8 connections",
        ("seed", "redis", "embedded", "redis_postgres"),
        _batch,
    ),
    Work("stored", "Batches, broadcast to 100 sockets and stored", ("redis_postgres",), _stored),
    Work("fanout", "One reading to 1,000 sockets", ("seed", "channels", "embedded"), _fanout),
    Work("sockets", "Idle, and 1,000 idle sockets", ("seed", "embedded"), _sockets, fresh=True),
    Work("split", "Batches, to 200 sockets and stored, split", ("split_1", "split_2"), _split),
    Work("split_single", "One reading a POST, split", ("split_1", "split_2"), _split_single),
    Work("plant", "10,000 sockets, 1,000 machines, 2,000 readings/s", ("redis_postgres",), _plant),
)

ROWS = (
    Row("single", "requests_per_s", "single POST, 32 connections", "/s", True, "8x", "embedded"),
    Row("single", "p99_ms", "its p99", "ms", due="0.1x", headline="embedded"),
    Row("single", "cpu_us", "CPU of all processes, per reading", "us"),
    Row("single", "cpu_us_web", "of the web process alone", "us"),
    Row(
        "batch",
        "readings_per_s",
        "batches of 100, readings accepted",
        "/s",
        True,
        "30x",
        "embedded",
    ),
    Row("batch", "p99_ms", "p99 of a batch", "ms"),
    Row("batch", "cpu_us", "CPU of all processes, per reading", "us"),
    Row("batch", "cpu_us_web", "of the web process alone", "us"),
    Row(
        "stored",
        "drained_per_s",
        "accepted, broadcast and stored",
        "rows/s",
        True,
        "15,000",
        "redis_postgres",
    ),
    Row("stored", "cpu_us", "CPU of all processes, per row", "us"),
    Row("stored", "deliveries_lost", "deliveries lost", "", due="0"),
    Row(
        "fanout",
        "delivery_cpu_us",
        "one reading to 1,000 sockets, CPU per delivery",
        "us",
        due="0.7x",
    ),
    Row(
        "fanout",
        "last_p99_ms",
        "reading to the last of 1,000 sockets, p99",
        "ms",
        due="0.7x",
        headline="embedded",
    ),
    Row("fanout", "deliveries_lost", "deliveries lost", "", due="0"),
    Row("sockets", "socket_kb", "memory of an idle socket", "kB", due="0.75x"),
    Row("sockets", "web_mb", "memory of a web process", "MB", due="1.2x"),
    Row("sockets", "idle_percent", "idle CPU of all processes", "% of a core", due="2"),
    Row("split", "drained_per_s", "batches through a balancer, to 200 sockets", "rows/s", True),
    Row("split", "cpu_us", "CPU of all processes, per row", "us"),
    Row("split", "rows_amiss", "rows lost or doubled", "", due="0"),
    Row("split", "deliveries_lost", "deliveries lost", "", due="0"),
    Row("split", "deliveries_doubled", "deliveries doubled", "", due="0"),
    Row("split_single", "requests_per_s", "single POST through a balancer", "/s", True),
    Row("split_single", "p99_ms", "its p99", "ms"),
    Row("split_single", "cpu_us", "CPU of all processes, per reading", "us"),
    Row("split_single", "rows_amiss", "rows lost or doubled", "", due="0"),
    Row(
        "plant",
        "delivery_p99_ms",
        "10,000 sockets, 2,000 readings/s, p99",
        "ms",
        due="250",
        headline="redis_postgres",
    ),
    Row("plant", "deliveries_lost", "deliveries lost", "", due="0"),
    Row("plant", "deliveries_doubled", "deliveries doubled", "", due="0"),
)
