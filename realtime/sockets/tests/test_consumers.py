"""Sockets through the real ASGI application: the handshake, the messages, the ends."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import AsyncClient
from rest_framework_simplejwt.tokens import AccessToken

from realtime.hub import Hub, Socket
from realtime.hub.revalidation import recheck
from realtime.routing import websocket_application
from realtime.sockets import client_messages
from realtime.sockets.consumers import LiveConsumer
from realtime.sockets.origin import is_trusted_origin
from realtime.sockets.session import SocketSession
from realtime.tests.readings import make_reading
from sensors.models import Machine
from sensors.store.store import Store

pytestmark = pytest.mark.django_db(transaction=True)

HOST = (b"host", b"localhost:8000")
ORIGIN = (b"origin", b"http://localhost:8000")
Headers = list[tuple[bytes, bytes]]


class Browser(WebsocketCommunicator):  # type: ignore[misc]
    """A socket that passes over heartbeats."""

    async def next(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(4):
            while True:
                message: dict[str, Any] = await self.receive_json_from(timeout=4)
                if message["type"] == kind:
                    return message
                assert message["type"] == "heartbeat", message

    async def close_code(self) -> int:
        """The code of the server's close frame, after whatever messages came before."""
        async with asyncio.timeout(4):
            while (message := await self.receive_output(timeout=4))["type"] != "websocket.close":
                pass
        return int(message["code"])


Open = Callable[..., Awaitable[Browser]]


@pytest.fixture(autouse=True)
async def machines() -> None:
    for machine_id in ("CNC-001", "MIL-002"):
        await Machine.objects.acreate(machine_id=machine_id)


@pytest.fixture
async def viewer() -> User:
    user = await User.objects.acreate_user("vera", password="a long enough one")
    await user.user_permissions.aadd(await Permission.objects.aget(codename="view_machine"))
    return user


async def session_of(user: User) -> str:
    client = AsyncClient()
    await client.aforce_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def headers_of(session_key: str, *more: tuple[bytes, bytes]) -> Headers:
    cookie = f"{settings.SESSION_COOKIE_NAME}={session_key}".encode()
    return [HOST, (b"cookie", cookie), *more]


@pytest.fixture
async def dial(store: Store, hub: Hub) -> AsyncIterator[Open]:
    """`await dial(path, headers)`: a socket whose handshake is done; all are hung up after."""
    opened: list[Browser] = []

    async def dial(path: str, headers: Headers) -> Browser:
        browser = Browser(websocket_application, path, headers=headers)
        opened.append(browser)
        is_accepted, _ = await browser.connect()
        assert is_accepted
        return browser

    yield dial
    for browser in opened:
        await browser.disconnect()


@pytest.fixture
async def logged_in(dial: Open, viewer: User) -> Open:
    """`await logged_in(path)`: a viewer's socket, from our own page."""
    session_key = await session_of(viewer)

    async def open_path(path: str) -> Browser:
        return await dial(path, headers_of(session_key, ORIGIN))

    return open_path


# Handshake


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example",
        b"null",
        b"http://evil-localhost:8000",
        b"http://localhost.evil.example:8000",
        b"http://localhost:8001",
        b"https://localhost:8000",
        b"http://localhost",
        b"",
        None,
    ],
)
async def test_foreign_or_missing_origin_with_a_session_is_refused(
    store: Store, viewer: User, origin: bytes | None
) -> None:
    more = [] if origin is None else [(b"origin", origin)]
    headers = headers_of(await session_of(viewer), *more)
    browser = Browser(websocket_application, "/ws/dashboard", headers=headers)

    is_accepted, _ = await browser.connect()

    assert not is_accepted
    await browser.wait()


def test_origin_of_another_host_that_is_not_ours_is_foreign() -> None:
    evil = "evil.example:8000"

    assert not is_trusted_origin([f"http://{evil}"], scheme="ws", host=evil)


def test_origin_in_csrf_trusted_origins_is_ours(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://plant.example", "https://*.plant.example:8443"]

    def is_trusted(origin: str) -> bool:
        return is_trusted_origin([origin], scheme="ws", host="localhost:8000")

    assert is_trusted("https://plant.example")
    assert is_trusted("https://plant.example:443")
    assert is_trusted("https://north.plant.example:8443")
    assert not is_trusted("http://plant.example")
    assert not is_trusted("https://north.plant.example")


def test_two_origins_are_foreign() -> None:
    ours = "http://localhost:8000"

    assert is_trusted_origin([ours], scheme="ws", host="localhost:8000")
    assert not is_trusted_origin([ours, ours], scheme="ws", host="localhost:8000")


@pytest.mark.parametrize("path", ["/ws/machines/CNC-001", "/ws/dashboard", "/ws/nothing"])
async def test_socket_without_login_is_closed_4401(dial: Open, path: str) -> None:
    browser = await dial(path, [HOST, ORIGIN])

    assert await browser.close_code() == 4401


async def test_socket_with_a_session_that_is_over_is_closed_4401(dial: Open) -> None:
    browser = await dial("/ws/dashboard", headers_of("x" * 32, ORIGIN))

    assert await browser.close_code() == 4401


async def test_socket_of_a_user_without_a_role_is_closed_4403(dial: Open) -> None:
    stranger = await User.objects.acreate_user("stan", password="a long enough one")

    browser = await dial("/ws/dashboard", headers_of(await session_of(stranger), ORIGIN))

    assert await browser.close_code() == 4403


@pytest.mark.parametrize("path", ["/ws/machines/ZZZ-999", "/ws/machines/a%2Fb", "/ws/other"])
async def test_unknown_machine_or_path_is_closed_4404(logged_in: Open, path: str) -> None:
    browser = await logged_in(path)

    assert await browser.close_code() == 4404


async def test_token_opens_a_socket_without_an_origin(dial: Open, viewer: User) -> None:
    token = await sync_to_async(AccessToken.for_user)(viewer)

    by_header = await dial("/ws/dashboard", [HOST, (b"authorization", f"Bearer {token}".encode())])
    by_query = await dial(f"/ws/machines/CNC-001?token={token}", [HOST])

    await by_header.next("initial_data")
    await by_query.next("initial_data")


async def test_wrong_token_is_closed_4401(dial: Open) -> None:
    browser = await dial("/ws/dashboard?token=wrong", [HOST])

    assert await browser.close_code() == 4401


# Readings


async def test_machine_socket_sees_a_reading_from_the_log(
    store: Store, broadcast: None, logged_in: Open
) -> None:
    await store.log.append([make_reading(1.0)])
    browser = await logged_in("/ws/machines/CNC-001")
    greeting = await browser.next("initial_data")

    receipt = await store.log.append([make_reading(2.0)])

    update = await browser.next("sensor_update")
    assert [reading["value"] for reading in greeting["data"]["readings"]] == [1.0]
    assert [reading["value"] for reading in update["data"]["readings"]] == [2.0]
    assert update["cursor"] == f"{await store.log.epoch()}.{receipt.position}"
    assert update["machine_id"] == "CNC-001"


async def test_machine_socket_resumes_by_its_cursor(
    store: Store, broadcast: None, logged_in: Open
) -> None:
    await store.log.append([make_reading(1.0)])
    first = await logged_in("/ws/machines/CNC-001")
    cursor = (await first.next("initial_data"))["cursor"]
    await first.disconnect()
    await store.log.append([make_reading(2.0)])

    second = await logged_in(f"/ws/machines/CNC-001?cursor={cursor}")

    greeting = await second.next("initial_data")
    update = await second.next("sensor_update")
    assert (greeting["data"]["recovered"], greeting["cursor"]) == (True, cursor)
    assert [reading["value"] for reading in update["data"]["readings"]] == [2.0]


async def test_cursor_that_the_log_no_longer_holds_is_not_recovered(
    store: Store, logged_in: Open
) -> None:
    first = (await store.log.append([make_reading(1.0)])).position
    await store.log.append([make_reading(2.0)])
    last = (await store.log.append([make_reading(3.0)])).position
    assert last is not None
    await store.log.trim(last)

    browser = await logged_in(f"/ws/machines/CNC-001?cursor={await store.log.epoch()}.{first}")

    greeting = await browser.next("initial_data")
    assert greeting["data"]["recovered"] is False
    assert greeting["cursor"] == f"{await store.log.epoch()}.{last}"


@pytest.mark.parametrize("cursor", ["x", "-1", "18446744073709551616", "e.1--1", "%00", ""])
async def test_malformed_cursor_is_not_recovered(logged_in: Open, cursor: str) -> None:
    browser = await logged_in(f"/ws/machines/CNC-001?cursor={cursor}")

    assert (await browser.next("initial_data"))["data"]["recovered"] is False


async def test_dashboard_subscribes_to_machines(
    store: Store, broadcast: None, logged_in: Open
) -> None:
    browser = await logged_in("/ws/dashboard")
    await browser.next("initial_data")

    await browser.send_json_to({"type": "subscribe", "machine_ids": ["MIL-002"]})

    assert (await browser.next("subscribed"))["data"] == {"machine_ids": ["MIL-002"]}
    assert (await browser.next("initial_data"))["machine_id"] == "MIL-002"


async def test_machine_older_than_the_pattern_can_be_subscribed_to(logged_in: Open) -> None:
    await Machine.objects.acreate(machine_id="pump.7")
    browser = await logged_in("/ws/dashboard")
    await browser.next("initial_data")

    await browser.send_json_to({"type": "subscribe", "machine_ids": ["pump.7"]})

    assert (await browser.next("subscribed"))["data"] == {"machine_ids": ["pump.7"]}
    assert (await browser.next("initial_data"))["machine_id"] == "pump.7"


# Messages


async def test_ping_is_answered(logged_in: Open) -> None:
    browser = await logged_in("/ws/machines/CNC-001")
    await browser.next("initial_data")

    await browser.send_json_to({"type": "ping"})

    pong = await browser.next("pong")
    assert list(pong) == ["type", "machine_id", "timestamp", "cursor", "data"]
    assert pong["data"]["server_time"].endswith("Z")


@pytest.mark.parametrize("path", ["/ws/machines/CNC-001", "/ws/dashboard"])
async def test_get_latest_is_answered(store: Store, logged_in: Open, path: str) -> None:
    await store.log.append([make_reading(1.0)])
    browser = await logged_in(path)
    await browser.next("initial_data")

    await browser.send_json_to({"type": "get_latest"})

    latest = await browser.next("latest")
    assert [reading["value"] for reading in latest["data"]["readings"]] == [1.0]


BAD_MESSAGES = [
    ("", "invalid-json"),
    ("{", "invalid-json"),
    ("[" * 20_000, "invalid-json"),
    ('{"type": "ping", "x": NaN}', "invalid-json"),
    ('{"type": "ping", "type": "ping"}', "invalid-json"),
    (f'{{"type": "ping", "x": {"1" * 5000}}}', "invalid-json"),
    ("[]", "invalid-structure"),
    ("null", "invalid-structure"),
    ("5", "invalid-structure"),
    ("{}", "required"),
    ('{"type": "dance"}', "unknown-type"),
    ('{"type": 5}', "unknown-type"),
    ('{"type": "ping", "extra": 1}', "unknown-field"),
    ('{"type": "subscribe"}', "required"),
    ('{"type": "subscribe", "machine_ids": [], "extra": 1}', "unknown-field"),
    ('{"type": "subscribe", "machine_ids": "CNC-001"}', "invalid-structure"),
    ('{"type": "subscribe", "machine_ids": ["*"]}', "invalid-machine-id"),
    ('{"type": "subscribe", "machine_ids": [""]}', "invalid-machine-id"),
    ('{"type": "subscribe", "machine_ids": ["specific.x!y"]}', "invalid-machine-id"),
    ('{"type": "subscribe", "machine_ids": ["CNC-\\u0661\\u0661\\u0661"]}', "invalid-machine-id"),
    ('{"type": "subscribe", "machine_ids": [null]}', "invalid-machine-id"),
]


@pytest.mark.parametrize(("text", "code"), BAD_MESSAGES)
def test_bad_message_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(client_messages.CommandRefused) as caught:
        client_messages.parse_command(text)

    assert caught.value.code == code


def test_subscription_to_201_machines_is_refused() -> None:
    many = [f"CNC-{number:03d}" for number in range(201)]
    text = json.dumps({"type": "subscribe", "machine_ids": many})

    with pytest.raises(client_messages.CommandRefused) as caught:
        client_messages.parse_command(text)

    assert caught.value.code == "too-many-subscriptions"


async def test_bad_message_gets_an_error_and_the_socket_stays_open(logged_in: Open) -> None:
    browser = await logged_in("/ws/dashboard")
    await browser.next("initial_data")

    await browser.send_input({"type": "websocket.receive", "text": ""})
    await browser.send_input({"type": "websocket.receive", "bytes": b"\x00"})
    await browser.send_json_to({"type": "subscribe", "machine_ids": ["ABC-123"]})
    codes = [(await browser.next("error"))["data"]["code"] for _ in range(3)]
    await browser.send_json_to({"type": "ping"})

    assert codes == ["invalid-json", "binary-not-supported", "unknown-machine"]
    await browser.next("pong")


@pytest.mark.parametrize(
    "said", [{"type": "get_latest"}, {"type": "subscribe", "machine_ids": ["CNC-001"]}]
)
async def test_database_away_before_anything_is_known_is_an_error(
    logged_in: Open, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr("sensors.catalogue.cache.catalogue_snapshot", away)
    browser = await logged_in("/ws/dashboard")

    await browser.send_json_to(said)

    assert (await browser.next("error"))["data"]["code"] == "database-unavailable"
    await browser.send_json_to({"type": "ping"})
    await browser.next("pong")


async def test_flood_is_slowed_then_closed_4429(logged_in: Open) -> None:
    browser = await logged_in("/ws/machines/CNC-001")
    await browser.next("initial_data")

    for _ in range(20):
        await browser.send_json_to({"type": "ping"})
        await browser.next("pong")
    for _ in range(19):
        await browser.send_json_to({"type": "ping"})
        assert (await browser.next("error"))["data"]["code"] == "rate-limited"
    await browser.send_json_to({"type": "ping"})

    assert await browser.close_code() == 4429


async def test_flood_that_comes_at_once_is_answered_before_it_is_closed(logged_in: Open) -> None:
    browser = await logged_in("/ws/machines/CNC-001")
    await browser.next("initial_data")

    for _ in range(60):
        await browser.send_json_to({"type": "ping"})
    for _ in range(20):
        await browser.next("pong")
    for _ in range(19):
        assert (await browser.next("error"))["data"]["code"] == "rate-limited"

    assert await browser.close_code() == 4429


async def test_message_over_64_kb_is_closed_1009(logged_in: Open) -> None:
    browser = await logged_in("/ws/machines/CNC-001")
    await browser.next("initial_data")

    await browser.send_to(text_data=" " * (64 * 1024 + 1))

    assert await browser.close_code() == 1009


# Ends


async def logged_out(user: User, session_key: str) -> None:
    client = AsyncClient()
    client.cookies[settings.SESSION_COOKIE_NAME] = session_key
    await client.alogout()


async def deactivated(user: User, session_key: str) -> None:
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)


async def given_a_new_password(user: User, session_key: str) -> None:
    user.set_password("another long enough one")
    await user.asave()


async def left_without_a_role(user: User, session_key: str) -> None:
    await user.user_permissions.aclear()


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (logged_out, 4401),
        (deactivated, 4401),
        (given_a_new_password, 4401),
        (left_without_a_role, 4403),
    ],
)
async def test_who_may_no_longer_see_loses_the_open_socket(
    hub: Hub, dial: Open, viewer: User, happens: Callable[..., Awaitable[None]], code: int
) -> None:
    colleague = await User.objects.acreate_superuser("carl", password="a long enough one")
    session_key = await session_of(viewer)
    browser = await dial("/ws/dashboard", headers_of(session_key, ORIGIN))
    other = await dial("/ws/dashboard", headers_of(await session_of(colleague), ORIGIN))
    await browser.next("initial_data")
    await other.next("initial_data")

    await recheck(list(hub.sockets))
    await happens(viewer, session_key)
    await recheck(list(hub.sockets))

    assert await browser.close_code() == code
    await other.send_json_to({"type": "ping"})
    await other.next("pong")


async def test_socket_that_disconnects_leaves_the_hub(hub: Hub, logged_in: Open) -> None:
    browser = await logged_in("/ws/dashboard")
    await browser.next("initial_data")

    await browser.disconnect()

    assert not hub.sockets


async def test_socket_that_has_left_leaves_nothing_to_the_collector(logged_in: Open) -> None:
    """It comes rarely (digitaltwin/server.py)."""
    gc.collect()
    before = _alive()
    gc.disable()
    try:
        browser = await logged_in("/ws/machines/CNC-001")
        await browser.next("initial_data")
        await browser.send_json_to({"type": "ping"})
        await browser.next("pong")
        await browser.disconnect()
        left = _alive() - before
    finally:
        gc.enable()

    assert left == set()


def _alive() -> set[Socket | SocketSession | LiveConsumer]:
    kinds = (Socket, SocketSession, LiveConsumer)
    return {one for one in gc.get_objects() if isinstance(one, kinds)}


async def test_socket_whose_client_takes_nothing_ends_its_task(
    store: Store, hub: Hub, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.hub.socket.CLOSE_SECONDS", 0.05)
    headers = headers_of(await session_of(viewer), ORIGIN)
    scope = Browser(websocket_application, "/ws/dashboard", headers=headers).scope
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    stuck = asyncio.Event()

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] != "websocket.accept":
            stuck.set()
            await asyncio.Event().wait()  # as a server whose transport takes no more

    served = asyncio.create_task(websocket_application(scope, incoming.get, send))
    await asyncio.wait_for(stuck.wait(), 2)
    [socket] = hub.sockets
    socket.close(4508)

    await asyncio.wait_for(served, 2)
    assert not served.cancelled()
    assert not hub.sockets
