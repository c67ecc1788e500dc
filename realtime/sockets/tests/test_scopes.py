"""Sockets within a scope, through the real ASGI application, the hub and the broadcaster."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import OperationalError

from realtime import groups
from realtime.hub import Hub
from realtime.hub.revalidation import recheck
from realtime.routing import websocket_application
from realtime.tests.readings import make_reading
from sensors.access.user_tokens import new_refresh_token
from sensors.catalogue.cache import get_catalogue
from sensors.messages import DashboardFrame
from sensors.models import Machine, ScopeRestriction
from sensors.scopes import EVERYTHING, Place, restricted_to
from sensors.store import keys
from sensors.store.client import make_client
from sensors.store.store import Store
from sensors.tests.people import (
    HIDDEN,
    SEEN,
    make_machine,
    make_restricted,
    make_superuser,
    make_viewer,
    restrict,
)

pytestmark = pytest.mark.django_db(transaction=True)

SCOPE = restricted_to([SEEN])
MACHINES = {"CNC-001": SEEN, "MIL-002": HIDDEN, "RBT-003": Place()}


class Browser(WebsocketCommunicator):  # type: ignore[misc]
    """A user's socket, opened with a token; keeps everything that it was sent."""

    def __init__(self, user: User, path: str) -> None:
        token = str(new_refresh_token(user).access_token).encode()
        headers = [(b"host", b"localhost"), (b"authorization", b"Bearer " + token)]
        super().__init__(websocket_application, path, headers=headers)
        self.texts: list[str] = []

    async def next(self, kind: str) -> dict[str, Any]:
        """The next message of this type; heartbeats before it are passed over."""
        async with asyncio.timeout(5):
            while True:
                text = await self.receive_from(timeout=5)
                self.texts.append(text)
                message: dict[str, Any] = json.loads(text)
                if message["type"] == kind:
                    return message
                assert message["type"] == "heartbeat", message

    async def until(self, value: float) -> None:
        """Take messages until a reading with this value."""
        async with asyncio.timeout(5):
            while f'"value":{value}' not in (await self.any())[-1]:
                pass

    async def any(self) -> list[str]:
        self.texts.append(await self.receive_from(timeout=5))
        return self.texts

    async def close_code(self) -> int:
        async with asyncio.timeout(5):
            while (message := await self.receive_output(timeout=5))["type"] != "websocket.close":
                self.texts.append(message["text"])
        return int(message["code"])

    def machines(self) -> set[str]:
        """The machines that any message named so far."""
        return {one for one in MACHINES if any(one in text for text in self.texts)}


Open = Callable[[User, str], Awaitable[Browser]]


@pytest.fixture(autouse=True)
async def machines() -> None:
    for machine_id, place in MACHINES.items():
        await sync_to_async(make_machine)(machine_id, **place._asdict())


@pytest.fixture
async def open_socket(store: Store, hub: Hub) -> AsyncIterator[Open]:
    """`await open_socket(user, path)`: a socket that was accepted; all are closed after."""
    opened: list[Browser] = []

    async def open_socket(user: User, path: str) -> Browser:
        browser = await sync_to_async(Browser)(user, path)
        opened.append(browser)
        assert (await browser.connect())[0]
        return browser

    yield open_socket
    for browser in opened:
        await browser.disconnect()


@pytest.fixture
async def restricted() -> User:
    return await sync_to_async(make_restricted)()


@pytest.fixture
async def viewer() -> User:
    return await sync_to_async(make_viewer)()


async def log_one_of_each(store: Store, value: float) -> None:
    await store.log.append([make_reading(value, machine_id=one) for one in MACHINES])


# The dashboard


async def test_restricted_dashboard_is_never_sent_a_foreign_machine(
    store: Store, broadcast: None, open_socket: Open, restricted: User, viewer: User
) -> None:
    await log_one_of_each(store, 1.5)
    own = await open_socket(restricted, "/ws/dashboard")
    full = await open_socket(viewer, "/ws/dashboard")

    for browser in (own, full):
        await browser.next("initial_data")
    await log_one_of_each(store, 2.5)
    for browser in (own, full):
        await browser.until(2.5)
        await browser.send_json_to({"type": "get_latest"})
        await browser.next("latest")
    await lose_a_frame(store)
    for browser in (own, full):
        assert (await browser.next("resync"))["data"]["machines"]
    await log_one_of_each(store, 4.5)
    for browser in (own, full):
        await browser.until(4.5)

    assert own.machines() == {"CNC-001"}
    assert full.machines() == set(MACHINES)
    assert {"initial_data", "sensor_update", "latest", "resync"} <= kinds(own) & kinds(full)


async def lose_a_frame(store: Store) -> None:
    """Send each dashboard the frame that follows a lost one."""
    epoch, lost, last = await store.log.epoch(), "9999999999998-0", "9999999999999-0"
    for scope in (EVERYTHING, SCOPE):
        frame = DashboardFrame(epoch, lost, last, received_at=0, text="", scope=scope.key)
        group = groups.of(frame.topic)
        await get_channel_layer().group_send(group, msgspec.to_builtins(frame))


def kinds(browser: Browser) -> set[str]:
    return {json.loads(text)["type"] for text in browser.texts}


async def test_dashboards_of_equal_scopes_share_a_feed(
    store: Store, hub: Hub, open_socket: Open, restricted: User
) -> None:
    colleague = await sync_to_async(make_restricted)("colleague", SEEN, Place(*SEEN[:2], "Line Z"))
    twin = await sync_to_async(make_restricted)("twin")
    for user in (restricted, colleague, twin):
        await (await open_socket(user, "/ws/dashboard")).next("initial_data")

    topics = {feed.topic: len(feed.followers) for feed in hub._subscriptions.followed()}

    other = restricted_to([SEEN, Place(*SEEN[:2], "Line Z")])
    assert topics == {f"*{SCOPE.key}": 2, f"*{other.key}": 1}


async def test_dashboard_of_a_scope_is_watched_with_its_places(
    store: Store, open_socket: Open, restricted: User, viewer: User
) -> None:
    for user in (restricted, viewer):
        await (await open_socket(user, "/ws/dashboard")).next("initial_data")

    client = make_client(settings.REDIS_URL)
    watched = await client.zrange(keys.WATCHED, 0, -1)
    text, seconds = await client.get(keys.scope(SCOPE.key)), await client.ttl(keys.scope(SCOPE.key))
    await client.aclose()

    assert {b"*", f"*{SCOPE.key}".encode()} == set(watched)
    assert text == SCOPE.text.encode()
    assert 0 < seconds <= 60


async def test_restricted_dashboard_subscribes_within_its_scope(
    store: Store, broadcast: None, open_socket: Open, restricted: User
) -> None:
    browser = await open_socket(restricted, "/ws/dashboard")
    await browser.next("initial_data")

    answers = []
    for machine_id in ("MIL-002", "RBT-003", "ZZZ-999"):
        await browser.send_json_to({"type": "subscribe", "machine_ids": ["CNC-001", machine_id]})
        error = (await browser.next("error"))["data"]
        answers.append({**error, "message": error["message"].replace(machine_id, "MACHINE")})
    browser.texts.clear()
    await browser.send_json_to({"type": "subscribe", "machine_ids": ["CNC-001"]})
    await browser.next("subscribed")
    assert (await browser.next("initial_data"))["machine_id"] == "CNC-001"
    await browser.send_json_to({"type": "subscribe", "machine_ids": []})
    await browser.next("subscribed")
    await browser.next("initial_data")
    await log_one_of_each(store, 1.5)
    await browser.until(1.5)

    assert answers == [{"code": "unknown-machine", "message": "There is no machine MACHINE."}] * 3
    assert browser.machines() == {"CNC-001"}


async def test_dashboard_of_a_scope_without_machines_is_empty(
    store: Store, broadcast: None, open_socket: Open
) -> None:
    user = await sync_to_async(make_restricted)("lost", Place("South"))
    browser = await open_socket(user, "/ws/dashboard")

    greeting = await browser.next("initial_data")
    await log_one_of_each(store, 1.5)
    await browser.send_json_to({"type": "get_latest"})

    assert greeting["data"]["machines"] == greeting["data"]["readings"] == []
    assert (await browser.next("latest"))["data"]["readings"] == []
    assert browser.machines() == set()


# A machine's socket


@pytest.mark.parametrize("machine_id", ["MIL-002", "RBT-003", "ZZZ-999"])
async def test_machine_out_of_scope_is_closed_like_an_unknown_one(
    store: Store, open_socket: Open, restricted: User, machine_id: str
) -> None:
    await log_one_of_each(store, 1.5)

    browser = await open_socket(restricted, f"/ws/machines/{machine_id}?cursor=e.1-0")

    assert await browser.close_code() == 4404
    assert browser.texts == []


async def test_machine_in_the_scope_is_followed(
    store: Store, broadcast: None, open_socket: Open, restricted: User
) -> None:
    browser = await open_socket(restricted, "/ws/machines/CNC-001")
    await browser.next("initial_data")

    await log_one_of_each(store, 1.5)
    await browser.until(1.5)
    await browser.send_json_to({"type": "get_latest"})

    assert len((await browser.next("latest"))["data"]["readings"]) == 1
    assert browser.machines() == {"CNC-001"}


# Changes while a socket is open


async def widened(user: User) -> None:
    await sync_to_async(restrict)(user, HIDDEN)


async def moved_to_another_line(user: User) -> None:
    await ScopeRestriction.objects.filter(user=user).aupdate(line=HIDDEN.line)


async def freed(user: User) -> None:
    await ScopeRestriction.objects.all().adelete()


async def widened_by_a_group(user: User) -> None:
    group = await Group.objects.acreate(name="line b")
    await sync_to_async(restrict)(group, HIDDEN)
    await user.groups.aadd(group)


async def made_a_superuser(user: User) -> None:
    await User.objects.filter(pk=user.pk).aupdate(is_superuser=True)


@pytest.mark.parametrize(
    "change", [widened, moved_to_another_line, freed, widened_by_a_group, made_a_superuser]
)
@pytest.mark.parametrize("path", ["/ws/dashboard", "/ws/machines/CNC-001"])
async def test_socket_of_a_user_whose_scope_changes_is_to_come_again(
    hub: Hub, open_socket: Open, restricted: User, viewer: User, path: str, change: Any
) -> None:
    browser = await open_socket(restricted, path)
    other = await open_socket(viewer, path)
    for one in (browser, other):
        await one.next("initial_data")
    await recheck(list(hub.sockets))

    await change(restricted)
    await recheck(list(hub.sockets))

    assert await browser.close_code() == 1013
    await other.send_json_to({"type": "ping"})
    await other.next("pong")


async def test_socket_that_comes_again_has_the_new_scope(
    hub: Hub, open_socket: Open, restricted: User
) -> None:
    await (await open_socket(restricted, "/ws/dashboard")).next("initial_data")
    await moved_to_another_line(restricted)
    await recheck(list(hub.sockets))

    dashboard = await open_socket(restricted, "/ws/dashboard")
    machine = await open_socket(restricted, "/ws/machines/CNC-001")

    greeting = await dashboard.next("initial_data")
    assert [one["machine_id"] for one in greeting["data"]["machines"]] == ["MIL-002"]
    assert await machine.close_code() == 4404


async def test_viewer_who_is_restricted_is_to_come_again(
    hub: Hub, open_socket: Open, viewer: User
) -> None:
    root = await sync_to_async(make_superuser)()
    browser = await open_socket(viewer, "/ws/dashboard")
    other = await open_socket(root, "/ws/dashboard")
    for one in (browser, other):
        await one.next("initial_data")

    await sync_to_async(restrict)(await Group.objects.aget(name="viewer"), SEEN)
    await sync_to_async(restrict)(root, SEEN)
    await recheck(list(hub.sockets))

    assert await browser.close_code() == 1013
    await other.send_json_to({"type": "ping"})
    await other.next("pong")


async def test_restricted_user_who_loses_the_role_is_closed_4403(
    hub: Hub, open_socket: Open, restricted: User
) -> None:
    browser = await open_socket(restricted, "/ws/dashboard")
    await browser.next("initial_data")

    await restricted.groups.aclear()
    await freed(restricted)
    await recheck(list(hub.sockets))

    assert await browser.close_code() == 4403


async def move(machine_id: str, place: Place) -> None:
    await Machine.objects.filter(machine_id=machine_id).aupdate(**place._asdict())
    await get_catalogue().register([])  # reads the tables again


async def test_machine_that_is_moved_out_of_scope_ends_its_socket(
    hub: Hub, open_socket: Open, restricted: User, viewer: User
) -> None:
    own = await open_socket(restricted, "/ws/machines/CNC-001")
    full = await open_socket(viewer, "/ws/machines/CNC-001")
    subscribed = await open_socket(restricted, "/ws/dashboard")
    for browser in (own, full, subscribed):
        await browser.next("initial_data")
    await subscribed.send_json_to({"type": "subscribe", "machine_ids": ["CNC-001"]})
    await subscribed.next("subscribed")

    await move("CNC-001", HIDDEN)
    await recheck(list(hub.sockets))

    assert await own.close_code() == 4404
    assert await subscribed.close_code() == 1013
    await full.send_json_to({"type": "ping"})
    await full.next("pong")


async def test_dashboard_is_sent_anew_when_its_machines_are_others(
    store: Store, hub: Hub, broadcast: None, open_socket: Open, restricted: User, viewer: User
) -> None:
    await log_one_of_each(store, 1.5)
    own = await open_socket(restricted, "/ws/dashboard")
    full = await open_socket(viewer, "/ws/dashboard")
    for browser in (own, full):
        await browser.next("initial_data")
    await recheck(list(hub.sockets))

    await move("CNC-001", HIDDEN)
    await move("RBT-003", SEEN)
    own.texts.clear()
    await recheck(list(hub.sockets))

    anew = (await own.next("resync"))["data"]
    await log_one_of_each(store, 2.5)
    await own.until(2.5)
    assert [one["machine_id"] for one in anew["machines"]] == ["RBT-003"]
    assert [one["value"] for one in anew["readings"]] == [1.5]
    assert own.machines() == {"RBT-003"}
    await full.until(2.5)
    assert "resync" not in kinds(full)


async def test_restricted_sockets_stay_while_the_database_is_away(
    hub: Hub, open_socket: Open, restricted: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("the database is away")

    browser = await open_socket(restricted, "/ws/dashboard")
    await browser.next("initial_data")

    with monkeypatch.context() as patch:
        patch.setattr("realtime.access.scopes_of", away)
        with pytest.raises(OperationalError):
            await recheck(list(hub.sockets))

    await browser.send_json_to({"type": "ping"})
    await browser.next("pong")
    assert EVERYTHING not in {one.identity.scope for one in hub.sockets if one.identity}
