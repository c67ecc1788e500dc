"""Private servers for tests: each on its own socket or free port, ended by its pid."""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from digitaltwin.conf.embedded_redis import LOG_OPTIONS, find_server

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
STOP_SECONDS = 15.0
LOOPBACK = "127.0.0.1"
# PostgreSQL refuses to run as root; its package creates this user.
POSTGRES_USER = "postgres"


def find_postgres() -> Path | None:
    """Find the folder with `initdb` and `postgres`: on PATH, or Debian's."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def free_port() -> int:
    """Find a free port, below those that the kernel assigns to clients.

    No connection of another test can then take the port before its server listens there.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def http_client(**options: Any) -> httpx.Client:
    """Open an HTTP client for servers of this machine.

    They have no TLS, whose certificates take 20 ms of CPU to load for each client.
    """
    return httpx.Client(verify=False, **options)


def get(url: str, *, timeout: float = 5.0) -> httpx.Response:
    """Request an address over a new connection, as `wait_for` does many times a second."""
    return _NEW_CONNECTIONS.get(url, timeout=timeout)


_NEW_CONNECTIONS = http_client(limits=httpx.Limits(max_keepalive_connections=0))


def wait_for(
    condition: Callable[[], object], *, what: str, seconds: float = START_SECONDS
) -> object:
    """Wait for the condition's first true value and return it. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected within {seconds:g} s: {what}")
        time.sleep(0.02)


def stop(process: "subprocess.Popen[bytes]", *, seconds: float = STOP_SECONDS) -> None:
    """End by SIGINT (PostgreSQL then does not wait for its clients), then by SIGKILL."""
    if process.poll() is None:
        process.send_signal(2)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextmanager
def private_redis(folder: Path, *options: str) -> Iterator[str]:
    """Run a Redis with AOF in this folder; yield its `unix://` address."""
    # A socket's path has at most 107 bytes, too few for pytest's long folders.
    short = Path(tempfile.mkdtemp(prefix="redis-", dir="/tmp"))
    path = short / "socket"
    program = find_server()
    assert program, "the marker `redis` skips a test where there is no redis-server"
    process = subprocess.Popen(
        [
            program,
            *("--port", "0", "--unixsocket", str(path), "--dir", str(folder)),
            *(*LOG_OPTIONS, "--loglevel", "warning", *options),
        ],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers_ping(path), what="redis-server answers")
        yield f"unix://{path}"
    finally:
        stop(process)
        shutil.rmtree(short)


def answers_ping(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as client, suppress(OSError):
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


@contextmanager
def private_postgres(*, fsync: str = "off") -> Iterator[str]:
    """Run a PostgreSQL cluster; yield the DATABASE_URL of its database `postgres`.

    Without fsync commits survive a kill of the server, though not of the machine.
    """
    place = find_postgres()
    assert place, "the marker `postgresql` skips a test where there is no PostgreSQL"
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    run_as = _unprivileged(folder)
    port = free_port()
    try:
        subprocess.run(
            [
                place / "initdb",
                *("-D", folder / "data", "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=run_as,
        )
        process = _start_postgres(place, folder, port=port, run_as=run_as, fsync=fsync)
        try:
            wait_for(lambda: _takes_connections(place, port), what="PostgreSQL answers")
            yield f"postgres://postgres@{LOOPBACK}:{port}/postgres"
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder)


def _start_postgres(
    place: Path, folder: Path, *, port: int, run_as: int | None, fsync: str
) -> "subprocess.Popen[bytes]":
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "fsync": fsync,
        "max_connections": 100,
        "log_min_messages": "fatal",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    with (folder / "log").open("wb") as output:
        return subprocess.Popen(
            [place / "postgres", "-D", folder / "data", *options],
            stdout=output,
            stderr=output,
            cwd=folder,
            user=run_as,
            start_new_session=True,
        )


def _takes_connections(place: Path, port: int) -> bool:
    asked = subprocess.run(
        [place / "pg_isready", "-q", "-h", LOOPBACK, "-p", str(port)], check=False
    )
    return asked.returncode == 0


def _unprivileged(folder: Path) -> int | None:
    """Give the folder to an ordinary user if this process is root; return that user's id."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return user.pw_uid


def is_ready(url: str) -> bool:
    """Check that the product at this address answers its readiness check."""
    try:
        return get(f"{url}/api/v1/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def environment(**changes: str) -> Mapping[str, str]:
    """Copy this process's environment for a child; changed settings, or unset when empty."""
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value or name not in changes}


def example(document: str, number: int) -> str:
    """Return the Python program of this number in a document of the project."""
    text = (ROOT / document).read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(programs[number])
