"""Instances to measure: the product as shipped, and its peers, each started fresh."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import redis

from benchmarks import usage
from benchmarks.bodies import machine_id
from benchmarks.seed import seed_python
from digitaltwin.conf.embedded_redis import find_server
from digitaltwin.tests.support import product, servers
from digitaltwin.tests.support.servers import (
    LOOPBACK,
    environment,
    find_postgres,
    free_port,
    private_postgres,
    private_redis,
    stop,
    wait_for,
)
from sensors.store import keys

PEERS = ("seed", "channels", "redis")
MACHINES = 1000
_CATALOGUE_SECONDS = 2.5
_PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Instance:
    """A running server: `pids` and their descendants are all it needs.

    `processed` counts the readings it has taken, `is_drained` says whether all of them are where
    they belong, `rows` counts them in PostgreSQL.
    """

    name: str
    port: int
    pids: list[int]
    devices: list[tuple[str, str]]
    processed: Callable[[], int]
    is_drained: Callable[[], bool]
    socket_query: str = ""
    rows: Callable[[], int] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


Start = Callable[[], AbstractContextManager[Instance]]


@contextmanager
def embedded() -> Iterator[Instance]:
    """The first command of the README: `up`, with the Redis and SQLite that come with it."""
    with _product("embedded") as instance:
        yield instance


@contextmanager
def redis_postgres() -> Iterator[Instance]:
    """`up` on a Redis of its own (AOF every second) and a PostgreSQL that syncs its commits."""
    before = usage.tree([os.getpid()])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {
            "REDIS_URL": stack.enter_context(private_redis(folder)),
            "DATABASE_URL": stack.enter_context(private_postgres(fsync="on")),
        }
        yield stack.enter_context(_product("redis_postgres", before=before, **settings))


@contextmanager
def seed() -> Iterator[Instance]:
    """The seed reference at its best: no access log, a pool that waits, no AOF."""
    before = usage.tree([os.getpid()])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(private_redis(folder, "--appendonly", "no"))
        port = free_port()
        command = [
            *(seed_python(), "-m", "uvicorn", "app:app", "--port", str(port)),
            *("--no-access-log", "--log-level", "warning"),
        ]
        settings = environment(REDIS_URL=url, SEED_POOL="blocking", LOG_LEVEL="WARNING")
        stack.enter_context(_server(command, _PEERS / "seed", settings, port))
        client = stack.enter_context(redis.Redis.from_url(url))
        yield Instance(
            name="seed",
            port=port,
            pids=_started_since(before),
            devices=_without_keys(),
            processed=lambda: int(client.get("metrics:sensor_readings_processed") or 0),
            is_drained=_stands_still(
                lambda: int(client.get("metrics:sensor_readings_processed") or 0)
            ),
        )


@contextmanager
def channels_app() -> Iterator[Instance]:
    """Channels as in its tutorial: a group membership a socket, its Redis layer, daphne."""
    before = usage.tree([os.getpid()])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(private_redis(folder, "--appendonly", "no"))
        port = free_port()
        daphne = [sys.executable, "-m", "daphne", "-b", LOOPBACK, "-p", str(port)]
        command = [*daphne, "benchmarks.peers.channels_app.asgi:application"]
        settings = environment(REDIS_URL=url)
        stack.enter_context(_server(command, servers.ROOT, settings, port))
        yield Instance(
            name="channels",
            port=port,
            pids=_started_since(before),
            devices=_without_keys(),
            processed=lambda: 0,
            is_drained=lambda: True,
        )


@contextmanager
def redis_alone() -> Iterator[Instance]:
    """A Redis with the settings of the product and no server in front of it: see limit.py."""
    before = usage.tree([os.getpid()])
    with tempfile.TemporaryDirectory() as folder, private_redis(Path(folder)) as url:
        yield Instance(
            name="redis",
            port=0,
            pids=_started_since(before),
            devices=[],
            processed=lambda: 0,
            is_drained=lambda: True,
            settings={"REDIS_URL": url},
        )


def available() -> dict[str, Start]:
    """Return the instances that this machine can start, by name."""
    starts: dict[str, Start] = {"embedded": embedded}
    if find_server():
        starts |= {"seed": seed, "channels": channels_app}
        if shutil.which("redis-benchmark"):
            starts["redis"] = redis_alone
        if find_postgres():
            starts["redis_postgres"] = redis_postgres
    return starts


@contextmanager
def _product(
    name: str, *, before: Sequence[int] | None = None, **settings: str
) -> Iterator[Instance]:
    before = usage.tree([os.getpid()]) if before is None else before
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with product.running(data, **settings) as running:
            yield product_instance(
                name,
                port=int(running.url.rpartition(":")[2]),
                pids=_started_since(before),
                devices=register(environment(DATA_DIR=str(data), **settings)),
                settings=settings or {"REDIS_URL": _embedded_redis(data)},
                token=access_token(running.url, running.facts["operator"]),
            )


def product_instance(
    name: str,
    *,
    port: int,
    pids: list[int],
    devices: list[tuple[str, str]],
    settings: Mapping[str, str],
    token: str,
) -> Instance:
    """An instance of the product with these settings, once all processes have its machines."""
    time.sleep(_CATALOGUE_SECONDS)
    client = redis.Redis.from_url(settings["REDIS_URL"], decode_responses=True)
    database = settings.get("DATABASE_URL")
    return Instance(
        name=name,
        port=port,
        pids=pids,
        devices=devices,
        processed=lambda: int(client.hget(keys.METRICS, "sensor_readings_processed") or 0),
        is_drained=lambda: _is_stored(client),
        socket_query=f"?token={token}",
        rows=(lambda: _rows(database)) if database else None,
        settings=settings,
    )


def register(settings: Mapping[str, str]) -> list[tuple[str, str]]:
    """Create the machines of the plant and return them with their keys."""
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.prepare", str(MACHINES)],
        cwd=servers.ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        check=True,
    )
    return [(machine, token) for machine, token in json.loads(made.stdout)]


def access_token(url: str, operator: Mapping[str, str]) -> str:
    answer = httpx.post(f"{url}/api/v1/auth/token", json=dict(operator), timeout=60)
    return str(answer.raise_for_status().json()["access"])


def _rows(database: str) -> int:
    with psycopg.connect(database) as connection:
        [[rows]] = connection.execute("SELECT count(*) FROM sensors_reading").fetchall()
        return int(rows)


def _embedded_redis(data: Path) -> str:
    return f"unix://{(data / 'redis' / 'socket').read_text().strip()}"


def _is_stored(client: "redis.Redis") -> bool:
    """Return whether the database holds the whole log."""
    newest = client.xrevrange(keys.LOG, count=1)
    stored = str(client.get(keys.STORED) or "").partition(" ")[2]
    return not newest or newest[0][0] == stored


def _stands_still(count: Callable[[], int]) -> Callable[[], bool]:
    seen = -1

    def check() -> bool:
        nonlocal seen
        time.sleep(0.5)
        before, seen = seen, count()
        return seen == before

    return check


def _without_keys() -> list[tuple[str, str]]:
    return [(machine_id(number), "") for number in range(MACHINES)]


def _started_since(before: Sequence[int]) -> list[int]:
    return [pid for pid in usage.tree([os.getpid()]) if pid not in set(before)]


@contextmanager
def _server(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], port: int
) -> Iterator[None]:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=output, stderr=output)
        try:
            wait_for(lambda: _answers(process, port), what=f"{command} answers", seconds=60)
            yield
        finally:
            stop(process)


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/health", timeout=2).status_code < 500
    except httpx.HTTPError:
        return False
