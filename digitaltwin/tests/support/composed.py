"""The services of docker-compose.yml as processes of this machine, without a container engine.

They start in the file's order, with its environment, commands and health checks, or those of the
Dockerfile where the file has none. Redis and PostgreSQL are private, with the file's options.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from digitaltwin.tests.support.compose_file import one_shots, read_image, read_services
from digitaltwin.tests.support.servers import (
    LOOPBACK,
    ROOT,
    free_port,
    private_postgres,
    private_redis,
    wait_for,
)
from sensors.readers.registry import READERS
from sensors.store import keys
from sensors.store.client import make_sync_client

# The variables that a person must put into `.env`.
GIVEN = {
    "SECRET_KEY": "only-this-deployment-signs-with-it-0123456789",
    "POSTGRES_PASSWORD": "0123456789abcdef",
}
START_SECONDS = 60.0
END_SECONDS = 20.0
_SHOWN = re.compile(r"^  (user|password|device key) +(\S+)$", re.MULTILINE)


class Composed:
    """The running services: their address, first user and device key, and their processes."""

    def __init__(self, folder: Path, *, python: str, root: Path, given: dict[str, str]) -> None:
        self._folder, self._python, self._root, self._given = folder, python, root, given
        self._image = read_image(ROOT / "Dockerfile")
        self._services = read_services(ROOT / "docker-compose.yml", given)
        self._address = f"{LOOPBACK}:{free_port()}"
        self._hosts: dict[str, str] = {}
        self._stores = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"http://{self._address}"
        self.facts: dict[str, Any] = {"url": self.url}

    def run(self) -> None:
        """Start each service as soon as its dependencies are healthy or have completed."""
        start_store = {"redis": self._start_redis, "postgres": self._start_postgres}
        for name in self._services:
            start_store.get(name, lambda name=name: self.start(name))()
            if name in one_shots(self._services):
                code = self._processes.pop(name).wait(START_SECONDS)
                assert code == 0, self.shown(name)
        wait_for(self._readers_work, what="each reader holds its lease", seconds=START_SECONDS)
        self.facts |= _secrets(self.shown("migrate"))

    def start(self, name: str) -> None:
        """Start migrate, web, broadcast or history; wait until web answers."""
        with self._log(name).open("ab") as output:
            self._processes[name] = subprocess.Popen(
                self._command(name),
                cwd=self._root,
                env=self.environment(name),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if name == "web":
            wait_for(self._is_healthy, what="web is healthy", seconds=START_SECONDS)

    def stop(self, name: str) -> int:
        """Stop a service by SIGTERM, as a container engine does; return its exit code."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def environment(self, name: str) -> dict[str, str]:
        """Build the environment of a service, with nothing from the environment of the tests."""
        ours = self._image.environment | self._given | self._services[name]["environment"]
        path = os.pathsep.join([str(Path(self._python).parent), os.environ["PATH"]])
        blank = {"PATH": path, "HOME": str(self._folder), "ENV_FILE": os.devnull}
        return blank | {key: self._here(str(value)) for key, value in ours.items()}

    def shown(self, name: str) -> str:
        """Return the output of a service so far."""
        return self._log(name).read_text(encoding="utf-8")

    def end(self) -> None:
        """Stop all services in reverse order; each must exit with 0."""
        codes = {name: self.stop(name) for name in reversed(list(self._processes))}
        assert not any(codes.values()), {name: self.shown(name) for name in codes if codes[name]}

    def close(self) -> None:
        """Kill remaining processes and stop Redis and PostgreSQL."""
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._stores.close()

    def _start_redis(self) -> None:
        port = str(free_port())
        folder = self._folder / "redis"
        folder.mkdir(exist_ok=True)
        options = self._services["redis"]["command"][1:]
        own = ("--port", port, "--bind", LOOPBACK)
        self._stores.enter_context(private_redis(folder, *options, *own))
        self._hosts["redis:6379"] = f"{LOOPBACK}:{port}"

    def _start_postgres(self) -> None:
        url = self._stores.enter_context(private_postgres())
        _make_database(url, self._services["postgres"]["environment"])
        self._hosts["postgres:5432"] = url.partition("@")[2].partition("/")[0]

    def _here(self, value: str) -> str:
        """Translate a value of the files to this machine: loopback and folders of the test."""
        folders = {"/data": "data", "/run/digitaltwin": "metrics"}
        if value in folders:
            return str(self._folder / folders[value])
        for name, address in self._hosts.items():
            value = re.sub(rf"(?<=[/@]){name}\b", address, value)
        return value

    def _command(self, name: str) -> list[str]:
        published = self._services["web"]["ports"][0].rpartition(":")[0]
        port = self._address.rpartition(":")[2]
        here = {"python": self._python, "0.0.0.0": LOOPBACK, "8000": port}
        words = self._services[name].get("command", self._image.command)
        return [here.get(word) or word.replace(published, self._address) for word in words]

    def _readers_work(self) -> bool:
        with make_sync_client(self.environment("web")["REDIS_URL"]) as client:
            return bool(client.exists(*map(keys.lease, READERS)) == len(READERS))

    def _is_healthy(self) -> bool:
        assert self._processes["web"].poll() is None, self.shown("web")
        _, *words = self._image.health_check
        words = [word.replace("127.0.0.1:8000", self._address) for word in words]
        asked = subprocess.run([self._python, *words], check=False, stderr=subprocess.DEVNULL)
        return asked.returncode == 0

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def composed(
    folder: Path, *, python: str = sys.executable, root: Path = ROOT, **settings: str
) -> Iterator[Composed]:
    """Run all services; `settings` are the variables of `.env`. Marks: redis, postgresql.

    They run with this interpreter in this source tree; logs, metrics and Redis's files go into
    `folder`. At the end every service must exit with 0.
    """
    product = Composed(folder, python=python, root=root, given=GIVEN | settings)
    try:
        product.run()
        yield product
        product.end()
    finally:
        product.close()


def _make_database(url: str, settings: dict[str, str]) -> None:
    """Create the user and database that PostgreSQL's image makes at its first start."""
    user, password = settings["POSTGRES_USER"], settings["POSTGRES_PASSWORD"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{password}'")
        connection.execute(f"CREATE DATABASE {settings['POSTGRES_DB']} OWNER {user}")


def _secrets(shown: str) -> dict[str, Any]:
    """Read the first user and key from the output of `migrate`, which shows them once."""
    rows = dict(_SHOWN.findall(shown))
    operator = {"username": rows["user"], "password": rows["password"]}
    return {"operator": operator, "device_key": rows["device key"]}
