"""Devices that retry unanswered readings, and a socket that resumes by its cursor."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from sensors.timestamps import format_us, now_us

DEVICES = 20
READINGS = 1000
BATCH = 5
ANSWER_SECONDS = 4.0
# Ten times the duration on an idle machine.
DEADLINE_SECONDS = 300.0
LOADED_SINCE = "2026-01-02T00:00:00Z"
Accepted = dict[str, float]


class Load:
    """Twenty devices that post their readings in order and retry until they are accepted."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=ANSWER_SECONDS
        )
        self.accepted: dict[str, Accepted] = {}
        self.retries = 0
        self._done = 0
        self._progress = asyncio.Condition()

    async def run(self, *, after: Iterable["Watch"]) -> None:
        """Send when the operators watch, or the first readings would arrive as a snapshot."""
        for watch in after:
            await watch.began.wait()
        async with self._client:
            await asyncio.gather(*(self._device(number) for number in range(DEVICES)))

    async def reached(self, share: float) -> None:
        async with self._progress:
            await self._progress.wait_for(lambda: self._done >= share * DEVICES * READINGS)

    async def _device(self, number: int) -> None:
        machine_id = f"LOD-{number:03}"
        mine = self.accepted[machine_id] = {}
        for first in range(0, READINGS, BATCH):
            now = now_us()
            rows: list[dict[str, Any]] = [
                {
                    "sensor_type": "flow",
                    "value": first + offset,
                    "unit": "L/min",
                    "timestamp": format_us(now + offset),
                }
                for offset in range(BATCH)
            ]
            await self._send({"machine_id": machine_id, "readings": rows})
            mine |= {str(row["timestamp"]): float(row["value"]) for row in rows}
            async with self._progress:
                self._done += BATCH
                self._progress.notify_all()

    async def _send(self, body: dict[str, Any]) -> None:
        while True:
            with suppress(httpx.HTTPError):
                answer = await self._client.post("/api/v1/sensors/readings/batch", json=body)
                if answer.status_code in (200, 201):
                    return
                assert answer.status_code in (429, 503), answer.text
            self.retries += 1
            await asyncio.sleep(0.1)


class Watch:
    """An operator's socket and the values it received, up to the machine's last value."""

    def __init__(self, url: str, machine_id: str, token: str) -> None:
        self._address = f"{url.replace('http', 'ws', 1)}/ws/machines/{machine_id}?token={token}"
        self._cursor: str | None = None
        self.began = asyncio.Event()
        self.seen: list[float] = []
        self.cuts = 0

    async def run(self) -> None:
        """Receive values, resuming by cursor after each cut, until the last value."""
        while not self._has_all():
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._follow()
            if not self._has_all():
                self.cuts += 1
                await asyncio.sleep(0.1)

    async def _follow(self) -> None:
        address = f"{self._address}&cursor={self._cursor or ''}"
        async with connect(address, open_timeout=3) as socket:
            async for text in socket:
                self._receive(json.loads(text))
                self.began.set()
                if self._has_all():
                    return

    def _has_all(self) -> bool:
        return bool(self.seen) and self.seen[-1] == READINGS - 1

    def _receive(self, message: dict[str, Any]) -> None:
        values = [reading["value"] for reading in message["data"].get("readings", [])]
        if message["type"] == "initial_data":
            if self._cursor is None:
                self.seen += values
            else:
                assert message["data"]["recovered"], message
        elif message["type"] == "sensor_update":
            self.seen += values
        else:
            assert message["type"] == "heartbeat", message
            return
        self._cursor = message["cursor"] or self._cursor


async def run_all(*parts: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part())  # type: ignore[arg-type]


def rows_of(operator: httpx.Client, machine_id: str) -> list[tuple[str, float]]:
    """Read the stored readings of this machine as (timestamp, value)."""
    url = "/api/v1/sensors/readings"
    params = {"machine_id": machine_id, "start": LOADED_SINCE, "limit": "1000"}
    page = operator.get(url, params=params).json()
    assert page["next"] is None
    return [(row["timestamp"], row["value"]) for row in page["results"]]


def make_watched_machine(device: httpx.Client) -> None:
    """Register LOD-000 by a reading from before the load."""
    row = {"sensor_type": "acceleration", "value": 0.5, "unit": "g"}
    body = {"machine_id": "LOD-000", "readings": [row | {"timestamp": "2026-01-01T00:00:00Z"}]}
    assert device.post("/api/v1/sensors/readings/batch", json=body).status_code == 201
