"""The whole product as its users start it: `python manage.py up` in a private folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from digitaltwin.tests.support.servers import (
    ROOT,
    environment,
    free_port,
    get,
    http_client,
    wait_for,
)

STOP_SECONDS = 20.0


class Product:
    """A running `up`: its address, its first user and its processes."""

    def __init__(self, process: "subprocess.Popen[bytes]", data: Path, log: Path) -> None:
        self._process = process
        self.data = data
        self._log = log

    def wait(self) -> None:
        """Wait until it is healthy. Raises AssertionError with its output."""
        try:
            wait_for(self._is_healthy, what="`up` is healthy", seconds=60)
        except TimeoutError as exc:
            raise AssertionError(self.shown()) from exc

    @property
    def facts(self) -> dict[str, Any]:
        """The content of `up.json`: url, operator, device_key, pid."""
        facts: dict[str, Any] = json.loads((self.data / "up.json").read_text())
        return facts

    @property
    def url(self) -> str:
        return str(self.facts["url"]).rstrip("/")

    def device(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.facts['device_key']}"}
        return http_client(base_url=self.url, headers=headers, timeout=10)

    def operator(self) -> httpx.Client:
        """Open a client with the first user's token."""
        url = f"{self.url}/api/v1/auth/token"
        answer = httpx.post(url, json=self.facts["operator"], timeout=30)
        headers = {"Authorization": f"Bearer {answer.json()['access']}"}
        return http_client(base_url=self.url, headers=headers, timeout=10)

    def health(self) -> dict[str, Any]:
        checks: dict[str, Any] = get(f"{self.url}/api/v1/health").json()
        return checks

    def kill(self, name: str) -> None:
        """Send SIGKILL to the newest process of this name: web, readers or redis."""
        if name == "redis":
            pid = int((self.data / "redis" / "redis.pid").read_text())
        else:
            pid = self.pids(name)[-1]
        os.kill(pid, signal.SIGKILL)

    def pids(self, name: str) -> list[int]:
        """List the pids of started web processes or readers, the newest last."""
        events = [json.loads(line) for line in self._lines() if line.startswith(b"{")]
        return [
            event["pid"]
            for event in events
            if event.get("event") == "process_started" and event.get("process") == name
        ]

    def shown(self) -> str:
        """Return its output so far."""
        return self._log.read_text()

    def kill_up(self) -> None:
        """Send SIGKILL to the supervisor itself."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """End `up` by SIGTERM, and so its Redis; return the exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_up()
            raise

    def _lines(self) -> list[bytes]:
        return self._log.read_bytes().splitlines()

    def _is_healthy(self) -> bool:
        assert self._process.poll() is None, self.shown()
        try:
            return bool(self.health()["status"] == "healthy")
        except (httpx.HTTPError, OSError, ValueError, KeyError):
            return False


def start(data: Path, *options: str, **settings: str) -> Product:
    """Start `up` with these options and settings on a free port; wait until it is healthy."""
    data.mkdir(exist_ok=True)
    log = data / "up.log"
    own = {"DATA_DIR": "", "REDIS_URL": "", "DATABASE_URL": "", "SECRET_KEY": ""}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "manage.py", "up", "--data", str(data)),
                *("--port", str(free_port()), *options),
            ],
            cwd=ROOT,
            env=environment(**own | settings),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    product = Product(process, data, log)
    try:
        product.wait()
    except BaseException:
        product.end()
        raise
    return product


@contextmanager
def running(data: Path, *options: str, **settings: str) -> Iterator[Product]:
    """Run `up` as `start` does; at the end it must exit with 0."""
    product = start(data, *options, **settings)
    try:
        yield product
    finally:
        code = product.end()
    assert code == 0, product.shown()
