"""A small HTTP server for tests of senders: real sockets, a memory of readings, and bad days."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sensors.devices.sending.outbox import Batch, by_machine


@dataclass
class Say:
    """One scripted answer; `keeps` the readings first, as a server that dies after its commit."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    keeps: bool = False
    # Close the connection instead of answering.
    cuts: bool = False


def refusal(status: int, code: str, **changes: Any) -> Say:
    body = {"type": f"/problems/{code}", "code": code, "detail": f"It is {code}."} | changes
    return Say(status, {"Content-Type": "application/problem+json"}, body)


class SmallServer:
    """Says what `script` holds, then takes every reading once and knows repeats."""

    def __init__(self) -> None:
        self.script: deque[Say] = deque()
        self.bodies: list[dict[str, Any]] = []
        self.targets: list[str] = []
        self.keys: set[str] = set()
        self.times: list[float] = []
        self.kept: dict[tuple[str, str, str], Any] = {}
        self.most_at_once = 0
        self.thinking_seconds = 0.0
        self.url = ""
        self._at_once = 0
        self._connections: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()
            self._connections.discard(writer)

    async def hang_up(self) -> None:
        """Close every connection, and wait until those who served them have noticed."""
        for writer in self._connections:
            writer.close()
        while self._connections:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.times.append(asyncio.get_running_loop().time())
        self.targets.append(head[0].split(" ")[1])
        self.keys.add(headers["authorization"])
        self.bodies.append(body)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.thinking_seconds)
        self._at_once -= 1
        return await self._answer(body, writer)

    async def _answer(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        say = self.script.popleft() if self.script else Say()
        if say.keeps or not say.status:
            results = [{"status": self._take(body["machine_id"], row)} for row in body["readings"]]
            new = any(row["status"] == "accepted" for row in results)
            taken = Say(201 if new else 200, {"Content-Type": "application/json"}, results)
            say = say if say.status or say.cuts else taken
        if say.cuts:
            return False
        payload = json.dumps(say.body).encode()
        headers = {"Content-Length": str(len(payload))} | say.headers
        lines = [f"HTTP/1.1 {say.status} {HTTPStatus(say.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + payload)
        await writer.drain()
        return True

    def _take(self, machine_id: str, row: dict[str, Any]) -> str:
        identity = (machine_id, row["sensor_type"], row["timestamp"])
        if identity in self.kept:
            return "duplicate"
        self.kept[identity] = row["value"]
        return "accepted"


@asynccontextmanager
async def small_server(*script: Say, port: int = 0) -> AsyncIterator[SmallServer]:
    """A server on a free port of the loopback that begins with the answers of `script`."""
    small = SmallServer()
    small.script.extend(script)
    server = await asyncio.start_server(small.serve, "127.0.0.1", port)
    small.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield small
    finally:
        server.close()
        await small.hang_up()
        await server.wait_closed()


def make_readings(
    machine_id: str = "CNC-001", *, count: int = 3, first: int = 0
) -> list[dict[str, Any]]:
    return [
        {
            "machine_id": machine_id,
            "sensor_type": "temperature",
            "value": float(i),
            "unit": "Cel",
            "timestamp": f"2026-11-23T10:{i // 60:02d}:{i % 60:02d}.000000Z",
            "quality": "good",
        }
        for i in range(first, first + count)
    ]


def make_batch(machine_id: str = "CNC-001", *, count: int = 1, first: int = 0) -> Batch:
    return next(by_machine(make_readings(machine_id, count=count, first=first)))
