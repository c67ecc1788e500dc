"""Cost of a reading, a frame, a socket and a process: the constants of docs/scaling.md.

`python -m benchmarks.costs [--seconds S]` prints them as a table. Those are CPU and bytes of the
servers alone, which hold on a loaded machine too.
"""

import argparse
import asyncio
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import psycopg
import redis

from benchmarks import report, split, usage
from benchmarks.bodies import machine_id
from benchmarks.instances import Instance
from benchmarks.measuring import Measures, idle_turn, load_turn, socket_turn
from benchmarks.plan import Plan
from digitaltwin.conf.start import load_settings
from digitaltwin.tests.support.servers import private_redis
from sensors.enums import Quality
from sensors.messages import LiveReading
from sensors.store.appender import Appender
from sensors.store.client import CALL_SECONDS
from sensors.store.connection import SerialConnection
from sensors.timestamps import SECOND_US, now_us

_INSTANCE = "split_1"
_ROLES = ("web", "redis", "broadcast", "history", "postgres")
# The plant of the script alone: each sensor has as many readings as a minute has seconds.
_MACHINES, _KINDS, _MOMENTS = 200, 5, 60
_SIZES = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('sensors_reading')"
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
Line = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one load")
    seconds = parser.parse_args().seconds
    load_settings()
    about = report.machine()
    lines = [*_of_the_script("one reading", 1, 32), *_of_the_script("100", 100, 8)]
    with split.available()[_INSTANCE]() as instance:
        lines += _of_the_product(instance, seconds)
    print("| what | cost | |\n|---|---|---|")
    for what, cost, unit in lines:
        print(f"| {what} | {cost} | {unit} |")
    print(f"\n{report.conditions(about)}")


def _of_the_product(instance: Instance, seconds: float) -> Iterator[Line]:
    idle = idle_turn(instance, seconds)
    memory = usage.resident_kb(instance.pids)
    for role in _ROLES:
        yield f"{role}: memory of the idle process", _number(memory[role] / 1024), "MB"
    yield "all processes idle", _number(idle["idle_percent"]), "% of a core"
    yield from _of_open_sockets(instance, seconds)
    yield from _of_readings("a POST, nobody watches", load_turn(instance, _plan(instance, seconds)))
    watched = _plan(instance, seconds, sockets=_MACHINES, watched=_MACHINES)
    yield from _of_readings("a POST, a socket watches", load_turn(instance, watched))
    yield from _of_catching_up(instance, seconds)
    before = _asked(instance, _WAL)
    batches = load_turn(instance, _plan(instance, seconds, connections=8, size=100))
    wal = _asked(instance, _WAL) - before
    yield from _of_readings("one of a batch of 100, nobody watches", batches)
    watched = msgspec.structs.replace(watched, connections=8, size=100)
    yield from _of_readings("one of a batch of 100, a socket watches", load_turn(instance, watched))
    one = _plan(instance, seconds, devices=instance.devices[:1], rate=10, sockets=1000)
    fanout = load_turn(instance, one)
    yield "web: a frame to a further socket", _number(fanout["delivery_cpu_us_web"]), "us"
    yield "PostgreSQL: WAL of a row in batches", _number(wal / batches["accepted"]), "bytes"
    assert instance.rows
    yield "PostgreSQL: table of a row", _number(_asked(instance, _SIZES) / instance.rows()), "bytes"


def _of_readings(what: str, measures: Measures) -> Iterator[Line]:
    wrong = ("rows_amiss", "refused", "deliveries_lost", "deliveries_doubled")
    assert not any(measures[name] for name in wrong), measures
    yield f"**{what}: all**", _number(measures["cpu_us"]), "us"
    for role in _ROLES:
        yield f"{what}: {role}", _number(measures[f"cpu_us_{role}"]), "us"


def _of_catching_up(instance: Instance, seconds: float) -> Iterator[Line]:
    """Measure single readings while history catches up: the maximum, not the usual cost."""
    [reader] = [pid for pid in usage.tree(instance.pids) if usage.role(pid) == "history"]
    os.kill(reader, signal.SIGSTOP)
    threading.Timer(seconds + 1, os.kill, (reader, signal.SIGCONT)).start()
    measures = load_turn(instance, _plan(instance, seconds))
    assert not measures["rows_amiss"], measures
    for role in ("history", "postgres"):
        yield f"a POST, history catches up: {role}", _number(measures[f"cpu_us_{role}"]), "us"


def _of_open_sockets(instance: Instance, seconds: float) -> Iterator[Line]:
    """Measure open sockets first: later sockets reuse freed memory."""
    every = instance.devices
    plan = _plan(instance, seconds, devices=every, sockets=len(every), watched=len(every))
    opened = socket_turn(instance, plan)
    yield "web: an open socket, a second", _number(opened["open_cpu_us_web"]), "us"
    yield "redis: a machine watched, a second", _number(opened["open_cpu_us_redis"]), "us"
    yield "web: memory of a socket", _number(opened["socket_kb"]), "kB"


def _of_the_script(what: str, size: int, at_once: int) -> Iterator[Line]:
    """Measure the append script without readers: CPU and bytes of a reading."""
    with tempfile.TemporaryDirectory() as folder, private_redis(Path(folder)) as url:
        with redis.Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
            empty = int(client.info("memory")["used_memory_dataset"])
            spent = usage.cpu_seconds([pid])["redis"]
            count = asyncio.run(_append(url, size, at_once))
            cpu = (usage.cpu_seconds([pid])["redis"] - spent) / count
            held = (int(client.info("memory")["used_memory_dataset"]) - empty) / count
            latest = int(client.memory_usage(f"sensor:latest:{{0}}:{machine_id(0)}") or 0)
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*.aof")) / count
    yield f"redis: the script alone, {what} a request", _number(cpu * 1e6), "us"
    yield f"redis: memory of a reading, {what} a request", _number(held), "bytes"
    yield f"redis: append-only file of a reading, {what} a request", _number(disk), "bytes"
    if size > 1:
        yield f"redis: latest values of a machine of {_KINDS} sensors", _number(latest), "bytes"


async def _append(url: str, size: int, at_once: int) -> int:
    """Post each sensor once a second for a minute; return the number of readings."""
    appender = Appender(SerialConnection(url, seconds=CALL_SECONDS))
    requests = _requests(size)

    async def send_in_turn() -> None:
        for readings in requests:
            await appender.append(readings, key_id=readings[0].machine_id, partial=False)

    await asyncio.gather(*(send_in_turn() for _ in range(at_once)))
    await appender.close()
    return _MACHINES * _KINDS * _MOMENTS


def _requests(size: int) -> Iterator[list[LiveReading]]:
    """Yield requests of all machines in turns."""
    start, together = now_us() - 3600 * SECOND_US, max(1, size // _KINDS)
    for first in range(0, _MOMENTS, together):
        received_at = start + (first + together) * SECOND_US
        for machine in range(_MACHINES):
            readings = [
                _reading(machine, kind, start + moment * SECOND_US, received_at)
                for moment in range(first, first + together)
                for kind in range(_KINDS)
            ]
            yield from (readings[at : at + size] for at in range(0, len(readings), size))


def _reading(machine: int, kind: int, moment: int, received_at: int) -> LiveReading:
    return LiveReading(
        machine_id=machine_id(machine),
        sensor_id=machine * _KINDS + kind,
        sensor_type=("temperature", "pressure", "vibration", "humidity", "speed")[kind],
        unit=("Cel", "bar", "mm/s", "%", "rpm")[kind],
        measured_at=moment,
        received_at=received_at,
        value=85.25 + kind,
        quality=Quality.GOOD,
        metadata={"location": "workshop_3", "seq": moment % 100_000},
    )


def _plan(
    instance: Instance,
    seconds: float,
    *,
    devices: list[tuple[str, str]] | None = None,
    connections: int = 32,
    **options: int,
) -> Plan:
    plan = Plan(
        instance.port,
        devices or instance.devices[:_MACHINES],
        seconds,
        connections=connections,
        socket_query=instance.socket_query,
    )
    return msgspec.structs.replace(plan, **options)


def _asked(instance: Instance, query: str) -> float:
    settings: Mapping[str, str] = instance.settings
    with psycopg.connect(settings["DATABASE_URL"]) as connection:
        [[value]] = connection.execute(query).fetchall()
        return float(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
