"""The product as in a big plant: web processes behind a balancer, each reader by itself."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import redis

from benchmarks import usage
from benchmarks.instances import Instance, Start, access_token, product_instance, register
from digitaltwin.conf.embedded_redis import find_server
from digitaltwin.tests.support.servers import (
    LOOPBACK,
    ROOT,
    environment,
    find_postgres,
    free_port,
    private_postgres,
    private_redis,
    wait_for,
)
from sensors.readers.registry import READERS
from sensors.store import keys

_START_SECONDS = 60.0
_END_SECONDS = 20.0
_SECRET = "only-this-plant-signs-with-it-0123456789"
_SHOWN = re.compile(r"^  (user|password|device key) +(\S+)$", re.MULTILINE)
Process = subprocess.Popen[bytes]


class Split:
    """Separate processes on one Redis and one PostgreSQL; `url` is the balancer's."""

    def __init__(self, folder: Path, *, web: int, **settings: str) -> None:
        self.settings = environment(
            DATA_DIR=str(folder / "data"),
            PROMETHEUS_MULTIPROC_DIR=str(folder / "metrics"),
            SECRET_KEY=_SECRET,
            **settings,
        )
        self.ports = [free_port() for _ in range(web)]
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._folder = folder
        self._web: dict[int, Process] = {}
        self._others: list[Process] = []

    def start(self) -> None:
        """Start in the order of the image: migrations and the first key, web processes, readers."""
        shown = dict(_SHOWN.findall(self._first_start()))
        self.operator = {"username": shown["user"], "password": shown["password"]}
        self.device_key = shown["device key"]
        for port in self.ports:
            self.start_web(port)
        for reader in READERS:
            self._others.append(self._process("manage.py", "work", reader))
        ports = map(str, (self.port, *self.ports))
        self.balancer = self._process("-m", "benchmarks.balancer", *ports)
        self._others.append(self.balancer)
        wait_for(self._readers_work, what="each reader holds its lease", seconds=_START_SECONDS)
        wait_for(lambda: is_ready(self.port), what="the balancer answers", seconds=_START_SECONDS)

    def start_web(self, port: int) -> None:
        """Start the web process of this port and wait for its answer."""
        self._web[port] = self._process(
            *("-m", "digitaltwin.server", "--host", LOOPBACK, "--port", str(port))
        )
        wait_for(lambda: is_ready(port), what=f"port {port} answers", seconds=_START_SECONDS)

    def kill_web(self, port: int) -> None:
        """Kill a process with SIGKILL."""
        process = self._web.pop(port)
        process.kill()
        process.wait()

    def end(self) -> None:
        """End the web processes first; every process that was not killed exits 0."""
        processes = [*self._web.values(), *self._others]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        ended = [process.wait(_END_SECONDS) for process in processes]
        assert not any(ended), (ended, (self._folder / "log").read_text(encoding="utf-8"))

    def kill(self) -> None:
        """End every process in every case."""
        for process in (*self._web.values(), *self._others):
            process.kill()
            process.wait()

    def _first_start(self) -> str:
        command = [sys.executable, "-m", "digitaltwin.first_start", "--url", self.url]
        made = subprocess.run(
            command, cwd=ROOT, env=self.settings, stdout=subprocess.PIPE, check=True, text=True
        )
        return made.stdout

    def _process(self, *command: str) -> Process:
        with (self._folder / "log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.settings,
                stdout=output,
                stderr=output,
            )

    def _readers_work(self) -> bool:
        with redis.Redis.from_url(self.settings["REDIS_URL"]) as client:
            return bool(client.exists(*map(keys.lease, READERS)) == len(READERS))


def is_ready(port: int) -> bool:
    """Return whether a web process answers at this port."""
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/api/v1/health/ready", timeout=2).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def running(folder: Path, *, web: int, fsync: str = "off", **settings: str) -> Iterator[Split]:
    """Run Redis, PostgreSQL and the processes. Marks: redis, postgresql."""
    with ExitStack() as stack:
        stores = {
            "REDIS_URL": stack.enter_context(private_redis(folder)),
            "DATABASE_URL": stack.enter_context(private_postgres(fsync=fsync)),
        }
        split = Split(folder, web=web, **stores, **settings)
        stack.callback(split.kill)
        split.start()
        yield split
        split.end()


@contextmanager
def _instance(web: int) -> Iterator[Instance]:
    before = usage.tree([os.getpid()])
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), web=web, fsync="on") as it:
        yield product_instance(
            f"split_{web}",
            port=it.port,
            # What stands in front is no part of the product.
            pids=_without([*before, it.balancer.pid]),
            devices=register(it.settings),
            settings=it.settings,
            token=access_token(it.url, it.operator),
        )


def _without(pids: Sequence[int]) -> list[int]:
    return [pid for pid in usage.tree([os.getpid()]) if pid not in set(pids)]


def available() -> Mapping[str, Start]:
    """Return `split_1` and `split_2`, by number of web processes, where both servers exist."""
    if not (find_server() and find_postgres()):
        return {}
    return {f"split_{web}": partial(_instance, web) for web in (1, 2)}
