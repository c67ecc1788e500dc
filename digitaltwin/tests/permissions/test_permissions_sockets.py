"""The matrix of matrix.py for sockets: everybody at every address, and every client message."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from digitaltwin.asgi import application
from digitaltwin.tests.permissions.matrix import ACTIONS, DEVICES, HIDDEN, PEOPLE, SEEN, SOCKETS
from digitaltwin.tests.permissions.proofs import Proof, proof
from realtime.hub import get_hub
from realtime.routing import websocket_application
from realtime.sockets import client_messages
from sensors.store.store import Store
from sensors.tests import people
from sensors.tests.people import make_machine

pytestmark = pytest.mark.django_db(transaction=True)

HOST = {"Host": "localhost", "Origin": "http://localhost"}


def test_every_address_and_every_action_has_a_row() -> None:
    router: Any = websocket_application._inner

    assert {str(route.pattern) for route in router.routes} == {row.route for row in SOCKETS}
    assert set(client_messages._PARSERS) == set(ACTIONS)


class Browser(WebsocketCommunicator):  # type: ignore[misc]
    def __init__(self, path: str, headers: Proof) -> None:
        lines = [(key.lower().encode(), value.encode()) for key, value in (HOST | headers).items()]
        super().__init__(application, path, headers=lines)

    async def told(self) -> Any:
        """Receive the next answer: the type of a message, or the code of a close frame."""
        async with asyncio.timeout(5):
            while True:
                message = await self.receive_output(timeout=5)
                if message["type"] == "websocket.close":
                    return message["code"]
                kind = json.loads(message["text"])["type"]
                if kind != "heartbeat":
                    return kind


@pytest.fixture(autouse=True)
async def _plant(store: Store) -> AsyncIterator[None]:
    """Two machines, and a hub that leaves nothing running."""
    await sync_to_async(make_machine)(SEEN, **people.SEEN._asdict())
    await sync_to_async(make_machine)(HIDDEN, **people.HIDDEN._asdict())
    hub = get_hub()
    yield
    get_hub.forget()
    await hub.aclose()


async def first_words(headers: Proof) -> dict[str, Any]:
    """Collect the first answer of each address to these headers."""
    said = {}
    for row in SOCKETS:
        browser = Browser(row.path, headers)
        assert (await browser.connect())[0], "a refusal accepts first, so that its code arrives"
        said[row.path] = await browser.told()
        await browser.disconnect()
    return said


def expected(who: str) -> dict[str, Any]:
    return {row.path: row.answers.get(who, 4401) for row in SOCKETS}


@pytest.mark.parametrize("who", PEOPLE)
async def test_person_with_a_session(who: str) -> None:
    headers = await sync_to_async(proof)(who)

    assert await first_words(headers) == expected(who)


@pytest.mark.parametrize("who", [*PEOPLE[1:], *DEVICES])
async def test_token_of_a_person_or_device(who: str) -> None:
    headers = await sync_to_async(proof)(who, "token")

    assert await first_words(headers) == expected(who)


@pytest.mark.parametrize("who", ["viewer", "restricted", "superuser"])
@pytest.mark.parametrize(("path", "place"), [("/ws/machines/CNC-001", 1), ("/ws/dashboard", 2)])
async def test_actions_of_who_may_see(who: str, path: str, place: int) -> None:
    browser = Browser(path, await sync_to_async(proof)(who))
    await browser.connect()
    assert await browser.told() == "initial_data"

    for action, row in ACTIONS.items():
        await browser.send_json_to({"type": action, **row[0]})
        assert await browser.told() == row[place]
    await browser.disconnect()


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("who", "code"), [("nobody", 4401), ("no role", 4403)])
async def test_actions_of_who_may_not_see_are_not_answered(
    who: str, code: int, action: str
) -> None:
    browser = Browser("/ws/dashboard", await sync_to_async(proof)(who))
    await browser.connect()
    await browser.send_json_to({"type": action, **ACTIONS[action][0]})

    assert await browser.told() == code
    assert await browser.receive_nothing()


async def test_foreign_site_opens_nothing_for_anybody() -> None:
    headers = await sync_to_async(proof)("superuser")
    for row in SOCKETS:
        browser = Browser(row.path, headers | {"Origin": "https://evil.example"})

        assert (await browser.connect())[0] is False
