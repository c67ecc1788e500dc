"""The product behind each of its two servers, for tests over a real network connection."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import jwt
import websockets

from digitaltwin.tests.support.servers import (
    LOOPBACK,
    ROOT,
    environment,
    free_port,
    get,
    http_client,
    is_ready,
    stop,
    wait_for,
)
from sensors.tests.people import PASSWORD
from sensors.timestamps import format_us, now_us

SERVERS = {
    "uvicorn": ("-m", "digitaltwin.server", "--port"),
    "daphne": ("manage.py", "runserver", "--noreload"),
}
READINGS = "/api/v1/sensors/readings"


def prepare(data: Path) -> dict[str, Any]:
    """Run `digitaltwin.tests.support.prepared` in this folder or the run's PostgreSQL database."""
    done = subprocess.run(
        [sys.executable, "-m", "digitaltwin.tests.support.prepared"],
        env=environment(DATA_DIR=str(data)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@contextmanager
def serving(kind: str, data: Path, facts: dict[str, Any]) -> Iterator["Live"]:
    """Run the server of this kind with the readers, in memory or on the run's Redis."""
    port = free_port()
    commands = [[*SERVERS[kind], str(port)]]
    if kind == "uvicorn" and os.environ["REDIS_URL"] != "memory://":
        commands.append(["manage.py", "work"])
    settings = environment(DATA_DIR=str(data), AUTO_REGISTER_MACHINES="true", HEARTBEAT_SECONDS="1")
    processes = []
    with ExitStack() as stack:
        output = stack.enter_context((data / f"{kind}.log").open("ab"))
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, *command], env=settings, cwd=ROOT, stdout=output, stderr=output
            )
            stack.callback(stop, process)
            processes.append(process)
        live = Live(port, facts, processes[0])
        stack.callback(live.device.close)
        wait_for(lambda: is_ready(live.url), what=f"{kind} is ready", seconds=90)
        yield live


class Live:
    """A running server: its address, a device that posts to it, and ways to open sockets."""

    def __init__(
        self, port: int, facts: dict[str, Any], process: "subprocess.Popen[bytes]"
    ) -> None:
        self.process = process
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        self.sessions: dict[str, str] = facts["sessions"]
        self.device = http_client(
            base_url=self.url, headers={"Authorization": f"Bearer {facts['device_key']}"}
        )
        self._numbers = count(1)
        self._token = ""

    def new_machine(self) -> str:
        """Register a new machine by a first reading of 0; return its id."""
        machine_id = f"TST-{next(self._numbers):03d}"
        self.post(machine_id, 0.0)
        return machine_id

    def post(self, machine_id: str, *values: float, **metadata: str) -> None:
        """Post readings of one sensor in this order; the server must accept them."""
        start = now_us()
        rows = [
            {
                "sensor_type": "voltage",
                "value": value,
                "unit": "V",
                "timestamp": format_us(start + index),
                "metadata": metadata,
            }
            for index, value in enumerate(values)
        ]
        body = {"machine_id": machine_id, "readings": rows}
        answer = self.device.post(f"{READINGS}/batch", json=body)
        assert answer.status_code == 201, answer.text[:300]

    def narrow_connection(self) -> socket.socket:
        """Open a connection with a small receive buffer, for a client that reads slowly."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.connect((LOOPBACK, self.port))
        connection.setblocking(False)
        return connection

    def dropped(self, kind: str) -> float:
        """Return the number of dropped items of this kind because of slow clients."""
        name = f'digitaltwin_dropped_total{{reason="slow",what="{kind}"}}'
        lines = get(f"{self.url}/metrics").text.splitlines()
        return float(next((line.split()[1] for line in lines if line.startswith(name)), 0))

    @property
    def token(self) -> str:
        """An access token of the viewer."""
        if not self._token:
            login = {"username": "viewer", "password": PASSWORD}
            answer = httpx.post(f"{self.url}/api/v1/auth/token", json=login)
            self._token = str(answer.json()["access"])
        return self._token

    def token_until(self, expires: int) -> str:
        """Return the viewer's token, changed to expire at this second since 1970."""
        secret = os.environ["SECRET_KEY"]
        claims = jwt.decode(self.token, secret, algorithms=["HS256"]) | {"exp": expires}
        return jwt.encode(claims, secret, algorithm="HS256")

    def by_token(self, path: str, **options: Any) -> "SocketLine":
        """Open a socket as a program with the viewer's token."""
        return SocketLine(self.url, path, {"Authorization": f"Bearer {self.token}"}, **options)

    def by_session(
        self, path: str, user: str = "viewer", origin: str | None = "own"
    ) -> "SocketLine":
        """Open a socket as a page in the browser of this user."""
        headers = {"Cookie": f"sessionid={self.sessions[user]}"}
        return SocketLine(self.url, path, headers, origin=self.url if origin == "own" else origin)

    def anonymous(self, path: str) -> "SocketLine":
        return SocketLine(self.url, path, {}, origin=self.url)


class SocketLine:
    """A WebSocket client; `async with` opens it."""

    def __init__(self, url: str, path: str, headers: dict[str, str], **options: Any) -> None:
        address = url.replace("http", "ws", 1) + path
        self._connecting = websockets.connect(
            address, additional_headers=headers, max_size=None, **options
        )

    async def __aenter__(self) -> "SocketLine":
        self.socket = await self._connecting.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._connecting.__aexit__(*exc)

    async def hear(self, *, seconds: float = 5.0) -> dict[str, Any]:
        """Receive the next message other than a heartbeat."""
        async with asyncio.timeout(seconds):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.recv())
                if message["type"] != "heartbeat":
                    return message

    async def next(self, kind: str) -> dict[str, Any]:
        """Receive the next message, which must have this type."""
        message = await self.hear()
        assert message["type"] == kind, message
        return message

    async def values(self, number: int) -> list[float]:
        """Receive the values of so many readings, from `sensor_update` messages."""
        values: list[float] = []
        while len(values) < number:
            readings = (await self.next("sensor_update"))["data"]["readings"]
            values += [reading["value"] for reading in readings]
        return values

    async def say(self, message: Any) -> None:
        await self.socket.send(
            message if isinstance(message, (str, bytes)) else json.dumps(message)
        )

    async def ask(self, message: Any, kind: str) -> dict[str, Any]:
        """Send a message and return the data of the response."""
        await self.say(message)
        data: dict[str, Any] = (await self.next(kind))["data"]
        return data

    async def is_silent(self, *, seconds: float = 0.4) -> bool:
        """Check that only heartbeats arrive for this time."""
        try:
            await self.hear(seconds=seconds)
        except TimeoutError:
            return True
        return False

    async def close_code(self) -> tuple[int | None, float]:
        """Wait for the close frame, ignoring messages; return its code and the seconds waited."""
        started = time.monotonic()
        with suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(10):
                while True:
                    await self.socket.recv()
        return self.socket.close_code, time.monotonic() - started
