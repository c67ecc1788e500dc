"""The story of one reading: a device posts it, an operator sees it, the database has it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import AsyncClient
from rest_framework_simplejwt.tokens import AccessToken

from digitaltwin.asgi import application
from digitaltwin.conftest import URL, reading
from realtime.hub import get_hub
from sensors.models import Reading
from sensors.store.store import Store


@pytest.fixture(autouse=True)
async def hub_ends(store: Store) -> AsyncIterator[None]:
    """Close the hub after the test."""
    yield
    if hub := get_hub.forget():
        await hub.aclose()


@pytest.fixture
async def operator(history: None) -> User:
    return await sync_to_async(User.objects.create_superuser)("olga", password="a long enough one")


class Screen(WebsocketCommunicator):  # type: ignore[misc]
    """The socket of an operator's page; it skips heartbeats."""

    async def next(self) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await self.receive_json_from(timeout=4)
            if message["type"] != "heartbeat":
                return message


async def test_reading_travels_end_to_end(
    device: httpx.AsyncClient, operator: User, broadcast: None
) -> None:
    token = await sync_to_async(AccessToken.for_user)(operator)
    screen = Screen(application, f"/ws/machines/CNC-001?token={token}")
    await screen.connect()
    greeting = await screen.next()
    assert (greeting["type"], greeting["data"]["readings"]) == ("initial_data", [])

    posted = (await device.post(f"{URL}?ack=stored", json=reading(value=98.6, unit="°F"))).json()

    update = await screen.next()
    [shown] = update["data"]["readings"]
    row = await Reading.objects.select_related("sensor__machine").aget()
    assert update["type"] == "sensor_update"
    assert (shown["id"], shown["value"], shown["unit"]) == (posted["id"], 37.0, "Cel")
    assert (row.value, row.sensor.machine.machine_id) == (37.0, "CNC-001")
    await screen.disconnect()


async def test_reading_is_on_the_page_before_any_script_runs(
    device: httpx.AsyncClient, operator: User
) -> None:
    await device.post(f"{URL}?ack=stored", json=reading(value=41.5))
    browser = AsyncClient()
    await browser.aforce_login(operator)

    plant = await browser.get("/")
    machine = await browser.get("/machines/CNC-001/")
    listed = await browser.get(URL, {"machine_id": "CNC-001"})

    assert "41.5" in plant.content.decode()
    assert "41.5" in machine.content.decode()
    assert [row["value"] for row in listed.json()["results"]] == [41.5]


async def test_socket_cut_and_resumed_sees_every_reading_once(
    device: httpx.AsyncClient, operator: User, broadcast: None
) -> None:
    token = await sync_to_async(AccessToken.for_user)(operator)
    seen: list[float] = []
    cursor = ""
    for turn in range(4):
        screen = Screen(application, f"/ws/machines/CNC-001?token={token}&cursor={cursor}")
        await screen.connect()
        greeting = await screen.next()
        assert greeting["data"]["recovered"] is (turn > 0)
        cursor = cursor or greeting["cursor"] or ""
        for value in range(turn * 20, turn * 20 + 20):
            await device.post(URL, json=reading(value=value))
            if value % 20 == 9:
                # Cut in the middle: the next readings reach no socket.
                seen, cursor = await _hear(screen, seen, cursor, until=value)
                await screen.disconnect()
        if turn == 0:
            assert cursor
    screen = Screen(application, f"/ws/machines/CNC-001?token={token}&cursor={cursor}")
    await screen.connect()
    assert (await screen.next())["data"]["recovered"]

    seen, _ = await _hear(screen, seen, cursor, until=79)

    assert seen == [float(value) for value in range(80)]
    await screen.disconnect()


async def _hear(
    screen: Screen, seen: list[float], cursor: str, *, until: float
) -> tuple[list[float], str]:
    """Receive until this value; return all values and the cursor to resume from."""
    while not seen or seen[-1] != until:
        message = await screen.next()
        seen = seen + [one["value"] for one in message["data"]["readings"]]
        cursor = message["cursor"]
    return seen, cursor
