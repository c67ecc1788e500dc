"""The hub against a layer that lies, a Redis that is away and sockets that do not read."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from channels.layers import get_channel_layer
from django.conf import settings

from realtime import groups, protocol
from realtime.access import Identity
from realtime.hub import Hub, Socket
from realtime.hub import socket as outbox
from realtime.hub.heartbeat import STUCK_SECONDS, HeartbeatSender
from realtime.protocol import Close, parse_cursor
from realtime.tests.kinds import NOTE, UNKNOWN, note_payload
from realtime.tests.readings import make_reading
from sensors.enums import FeedStatus
from sensors.history.tests.following import audience
from sensors.messages import DASHBOARD, READINGS, FeedHealth, LogEntry, MachineFrame
from sensors.metrics import DROPPED, SCRIPT_ERRORS
from sensors.models import Machine
from sensors.scopes import EVERYTHING
from sensors.store import keys
from sensors.store.client import make_client
from sensors.store.store import Store
from sensors.tests.outages import redis_away
from sensors.timestamps import SECOND_US, now_us

pytestmark = pytest.mark.django_db(transaction=True)
READER = Identity(user_id=1, auth_hash="", may_see=True)


class Client:
    """What one browser would see: parsed messages, the close code, and whether it reads."""

    def __init__(self, kind: str = "machine", identity: Identity | None = None) -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.seen: list[dict[str, Any]] = []
        self.code: int | None = None
        self.is_abandoned = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.socket = Socket(kind, self._take, self._abandon, identity=identity)

    async def _take(self, message: Mapping[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "websocket.close":
            self.code = message["code"]
        else:
            parsed = msgspec.json.decode(message["text"])
            self.seen.append(parsed)
            self.messages.put_nowait(parsed)

    def _abandon(self) -> None:
        self.is_abandoned = True

    async def next(self, kind: str, seconds: float = 4.0) -> dict[str, Any]:
        """The next message of this type; heartbeats before it are passed over."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.messages.get()
                if message["type"] == kind:
                    return message
                assert message["type"] == "heartbeat", message

    async def values(self, count: int) -> list[float]:
        """The values of so many readings from `sensor_update` messages."""
        found: list[float] = []
        while len(found) < count:
            message = await self.next("sensor_update")
            found += [reading["value"] for reading in message["data"]["readings"]]
        return found


@pytest.fixture(autouse=True)
async def machines() -> None:
    for machine_id in ("CNC-001", "MIL-002"):
        await Machine.objects.acreate(machine_id=machine_id)


@pytest.fixture
async def watch(hub: Hub) -> Callable[..., Client]:
    """A client that the hub has taken; `watch("CNC-001")`, `watch()` for the dashboard."""

    def open_client(machine_id: str | None = None, cursor: str = "") -> Client:
        client = Client("machine" if machine_id else "dashboard")
        hub.add(client.socket)
        if machine_id:
            hub.follow_machine(client.socket, machine_id, cursor=parse_cursor(cursor))
        else:
            hub.follow_dashboard(client.socket, EVERYTHING)
        return client

    return open_client


async def happens(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def frame_of(store: Store, *entries: LogEntry) -> MachineFrame:
    readings = [reading for entry in entries for reading in entry.readings()]
    epoch = await store.log.epoch()
    position = entries[-1].position
    cursor = protocol.cursor_text(epoch, position)
    return MachineFrame(
        machine_id=entries[0].machine_id,
        epoch=epoch,
        previous=entries[0].previous,
        position=position,
        received_at=now_us(),
        text=protocol.update_text(
            READINGS, readings, machine_id=entries[0].machine_id, cursor=cursor
        ),
    )


async def publish(frame: MachineFrame) -> None:
    layer = get_channel_layer()
    await layer.group_send(groups.machine(frame.machine_id), msgspec.to_builtins(frame))


async def logged(store: Store, *values: float) -> list[LogEntry]:
    """An entry for each value, whose frames the test sends itself."""
    before = await store.log.last_position()
    for value in values:
        await store.log.append([make_reading(value)])
    return await store.log.read(before, count=100)


# Greetings


async def test_machine_socket_is_greeted_with_the_latest_values(
    store: Store, watch: Callable[..., Client]
) -> None:
    receipt = await store.log.append([make_reading(1.0)])

    client = watch("CNC-001")

    message = await client.next("initial_data")
    assert message["machine_id"] == "CNC-001"
    assert message["cursor"] == f"{await store.log.epoch()}.{receipt.position}"
    assert [reading["value"] for reading in message["data"]["readings"]] == [1.0]
    assert message["data"]["recovered"] is False
    assert message["data"]["alarms"] == []


async def test_dashboard_socket_is_greeted_with_all_machines(
    store: Store, watch: Callable[..., Client]
) -> None:
    await store.log.append([make_reading(1.0)])

    message = await watch().next("initial_data")

    assert message["machine_id"] is None
    assert message["data"]["recovered"] is True
    assert [m["machine_id"] for m in message["data"]["machines"]] == ["CNC-001", "MIL-002"]


async def test_hub_joins_a_group_once_for_all_its_sockets(
    store: Store, watch: Callable[..., Client]
) -> None:
    clients = [watch("CNC-001") for _ in range(3)]

    for client in clients:
        await client.next("initial_data")

    members = get_channel_layer().groups[f"asgi__group__{groups.machine('CNC-001')}"]
    assert len(members) == 1
    assert (await audience(store, now_us=now_us())).watched == {"CNC-001"}


async def test_resumed_socket_is_sent_what_it_missed(
    store: Store, watch: Callable[..., Client]
) -> None:
    entries = await logged(store, 1.0, 2.0, 3.0)
    cursor = f"{await store.log.epoch()}.{entries[0].position}"

    client = watch("CNC-001", cursor)

    message = await client.next("initial_data")
    assert (message["data"]["recovered"], message["cursor"]) == (True, cursor)
    assert await client.values(2) == [2.0, 3.0]


async def test_resumed_socket_that_missed_nothing_is_recovered(
    store: Store, watch: Callable[..., Client]
) -> None:
    [entry] = await logged(store, 1.0)
    cursor = f"{await store.log.epoch()}.{entry.position}"

    message = await watch("CNC-001", cursor).next("initial_data")

    assert (message["data"]["recovered"], message["cursor"]) == (True, cursor)


@pytest.mark.parametrize("cursor", ["0badf00d.1-0", "{epoch}.1-0", "{epoch}.9999999999999-0"])
async def test_cursor_that_is_not_in_the_log_is_not_recovered(
    store: Store, watch: Callable[..., Client], cursor: str
) -> None:
    await logged(store, 1.0)

    client = watch("CNC-001", cursor.format(epoch=await store.log.epoch()))

    message = await client.next("initial_data")
    assert message["data"]["recovered"] is False
    assert [reading["value"] for reading in message["data"]["readings"]] == [1.0]


# Kinds of entries


async def test_resumed_socket_is_sent_entries_of_every_kind_in_log_order(
    store: Store, watch: Callable[..., Client], note_kind: None
) -> None:
    [first] = await logged(store, 1.0)
    await store.log.append_entry("CNC-001", NOTE, note_payload("a"))
    await store.log.append_entry("CNC-001", UNKNOWN, b"?")
    await store.log.append_entry("CNC-001", NOTE, note_payload("b"))
    last = await logged(store, 2.0)
    epoch = await store.log.epoch()

    client = watch("CNC-001", f"{epoch}.{first.position}")

    greeting = await client.next("initial_data")
    notes = await client.next("test_update")
    [value] = await client.values(1)
    assert greeting["data"]["recovered"] is True
    assert notes["data"]["notes"] == ["a", "b"]
    assert value == 2.0
    assert client.seen[-1]["cursor"] == f"{epoch}.{last[0].position}"


async def test_socket_that_resumes_after_unknown_entries_alone_is_recovered(
    store: Store, hub: Hub, watch: Callable[..., Client]
) -> None:
    [first] = await logged(store, 1.0)
    unknown = await store.log.append_entry("CNC-001", UNKNOWN, b"?")
    epoch = await store.log.epoch()

    client = watch("CNC-001", f"{epoch}.{first.position}")

    greeting = await client.next("initial_data")
    assert (greeting["data"]["recovered"], greeting["cursor"]) == (
        True,
        f"{epoch}.{first.position}",
    )
    assert client.socket.about == ("CNC-001", f"{epoch}.{unknown}")
    assert client.messages.empty()


async def test_lost_frame_of_another_kind_is_filled_from_the_log(
    store: Store, watch: Callable[..., Client], note_kind: None
) -> None:
    client = watch("CNC-001")
    await client.next("initial_data")
    [one] = await logged(store, 1.0)
    await store.log.append_entry("CNC-001", NOTE, note_payload("lost"))
    await store.log.append_entry("CNC-001", UNKNOWN, b"?")
    [two] = await logged(store, 2.0)

    await publish(await frame_of(store, one))
    await publish(await frame_of(store, two))

    assert await client.values(1) == [1.0]
    assert (await client.next("test_update"))["data"]["notes"] == ["lost"]
    assert await client.values(1) == [2.0]


async def test_every_kind_through_the_broadcaster_reaches_machine_and_dashboard(
    store: Store, broadcast: None, watch: Callable[..., Client], note_kind: None
) -> None:
    machine, dashboard = watch("CNC-001"), watch()
    await machine.next("initial_data")
    await dashboard.next("initial_data")

    await store.log.append([make_reading(1.0)])
    await store.log.append_entry("CNC-001", UNKNOWN, b"?")
    await store.log.append_entry("CNC-001", NOTE, note_payload("a"))
    await store.log.append([make_reading(2.0)])

    for client in (machine, dashboard):
        assert await client.values(1) == [1.0]
        assert (await client.next("test_update"))["data"]["notes"] == ["a"]
        assert await client.values(1) == [2.0]


async def test_entry_of_an_unknown_kind_is_no_gap_and_no_message(
    store: Store, broadcast: None, hub: Hub, watch: Callable[..., Client]
) -> None:
    clients = [watch("CNC-001"), watch()]
    for client in clients:
        await client.next("initial_data")

    position = await store.log.append_entry("CNC-001", UNKNOWN, b"?")
    cursor = f"{await store.log.epoch()}.{position}"
    await happens(lambda: all(client.socket.about[1] == cursor for client in clients))
    await asyncio.sleep(1.2)  # a check of the hub

    types = {message["type"] for client in clients for message in client.seen}
    assert types <= {"initial_data", "heartbeat"}
    assert hub.state.feed is FeedStatus.LIVE


# Errors of a script


@pytest.mark.parametrize("resumes", [True, False])
async def test_chain_that_cannot_be_followed_ends_in_a_snapshot(
    store: Store, watch: Callable[..., Client], resumes: bool
) -> None:
    [first] = await logged(store, 1.0)
    epoch = await store.log.epoch()
    client = watch("CNC-001", f"{epoch}.{first.position}" if resumes else "")
    await client.next("initial_data")
    failures = SCRIPT_ERRORS.labels("missed")._value
    before = failures.get()

    await break_chain(store, "CNC-001")
    [_] = await logged(store, 2.0)  # no frame: the hub's check finds the gap
    if resumes:
        client = watch("CNC-001", f"{epoch}.{first.position}")
        message = await client.next("initial_data")
        assert message["data"]["recovered"] is False
    else:
        message = await client.next("resync")
    await asyncio.sleep(1.2)  # another check asks for nothing

    assert [reading["value"] for reading in message["data"]["readings"]] == [2.0]
    assert 1 <= failures.get() - before <= 2


async def break_chain(store: Store, machine_id: str) -> None:
    """Log an entry whose `prev` is not a position: the script that follows it fails."""
    client = make_client(settings.REDIS_URL)
    fields: dict[Any, Any] = {"kind": NOTE, "machine": machine_id, "prev": "x-y", "payload": "[]"}
    position = await client.xadd(keys.LOG, fields)
    await client.hset(keys.latest(machine_id), keys.POSITION_FIELD, position)
    await client.aclose()


async def test_machine_with_a_key_of_the_wrong_type_costs_the_others_nothing(
    store: Store, hub: Hub, watch: Callable[..., Client]
) -> None:
    client = make_client(settings.REDIS_URL)
    await client.set(keys.latest("MIL-002"), "no hash")
    await client.aclose()
    broken, good = watch("MIL-002"), watch("CNC-001")
    await good.next("initial_data")

    await logged(store, 1.0)

    assert await good.values(1) == [1.0]
    assert hub.state.feed is not FeedStatus.DOWN
    assert broken.messages.empty()


# Frames


async def test_socket_sees_each_reading_once_and_in_order_through_a_lying_layer(
    store: Store, watch: Callable[..., Client]
) -> None:
    client = watch("CNC-001")
    await client.next("initial_data")
    one, two, three, four, five = await logged(store, 1.0, 2.0, 3.0, 4.0, 5.0)

    await publish(await frame_of(store, one))
    await publish(await frame_of(store, one))  # doubled
    await publish(await frame_of(store, three))  # swapped, or two is lost
    await publish(await frame_of(store, two))
    await publish(await frame_of(store, two, three, four))  # overlapping
    await publish(await frame_of(store, five))

    assert await client.values(5) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert client.messages.empty()


async def test_lost_last_frame_is_found_within_two_seconds(
    store: Store, watch: Callable[..., Client]
) -> None:
    client = watch("CNC-001")
    await client.next("initial_data")

    await logged(store, 1.0, 2.0)  # no frame, as with a dead broadcaster

    async with asyncio.timeout(2.5):
        assert await client.values(2) == [1.0, 2.0]


async def test_frame_through_the_broadcaster_reaches_machine_and_dashboard(
    store: Store, broadcast: None, watch: Callable[..., Client]
) -> None:
    machine, dashboard = watch("CNC-001"), watch()
    await machine.next("initial_data")
    await dashboard.next("initial_data")

    await store.log.append([make_reading(7.0)])

    assert await machine.values(1) == [7.0]
    assert await dashboard.values(1) == [7.0]


async def test_dashboard_without_a_broadcaster_gets_a_snapshot(
    store: Store, watch: Callable[..., Client]
) -> None:
    client = watch()
    await client.next("initial_data")

    await logged(store, 1.0)

    message = await client.next("resync")
    assert [reading["value"] for reading in message["data"]["readings"]] == [1.0]


async def test_log_that_was_lost_resynchronises_with_the_new_one(
    store: Store, watch: Callable[..., Client]
) -> None:
    await logged(store, 1.0)
    client = watch("CNC-001")
    await client.next("initial_data")
    redis = make_client(settings.REDIS_URL)
    await redis.flushall()
    await redis.aclose()

    await logged(store, 2.0)

    message = await client.next("resync")
    assert message["data"]["recovered"] is False
    assert message["cursor"].startswith(await store.log.epoch())
    assert [reading["value"] for reading in message["data"]["readings"]] == [2.0]


async def test_subscribed_dashboard_follows_exactly_these_machines(
    store: Store, broadcast: None, hub: Hub, watch: Callable[..., Client]
) -> None:
    client = watch()
    await client.next("initial_data")

    hub.subscribe(client.socket, ["MIL-002"], EVERYTHING)
    subscribed = await client.next("subscribed")
    greeting = await client.next("initial_data")
    await store.log.append([make_reading(1.0)])
    await store.log.append([make_reading(2.0, machine_id="MIL-002")])

    assert subscribed["data"] == {"machine_ids": ["MIL-002"]}
    assert greeting["machine_id"] == "MIL-002"
    assert await client.values(1) == [2.0]
    hub.subscribe(client.socket, [], EVERYTHING)
    assert (await client.next("subscribed"))["data"] == {"machine_ids": []}
    assert (await client.next("initial_data"))["machine_id"] is None


# Slow sockets


async def test_slow_socket_costs_the_others_nothing_and_is_resynchronised(
    store: Store, watch: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "OUTBOX_MESSAGES", 5)
    before = DROPPED.labels(what="outbox", reason="slow")._value.get()
    slow, good = watch("CNC-001"), watch("CNC-001")
    await slow.next("initial_data")
    await good.next("initial_data")

    slow.reads.clear()
    values = [float(n) for n in range(20)]
    for entry in await logged(store, *values):
        await publish(await frame_of(store, entry))
    seen_by_good = await good.values(20)
    slow.reads.set()
    resync = await _after_updates(slow, "resync")

    assert seen_by_good == values
    assert [reading["value"] for reading in resync["data"]["readings"]] == [19.0]
    assert DROPPED.labels(what="outbox", reason="slow")._value.get() > before


async def _after_updates(client: Client, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(3):
        while (message := await client.messages.get())["type"] != kind:
            pass
    return message


async def test_socket_far_behind_is_sent_all_it_missed(
    store: Store, watch: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "OUTBOX_CHARACTERS", 1000)
    [first] = await logged(store, -1.0)
    start = now_us()
    for batch in range(3):
        many = [
            make_reading(float(batch * 500 + n), measured_at=start + batch * 500 + n)
            for n in range(500)
        ]
        await store.log.append(many)

    client = watch("CNC-001", f"{await store.log.epoch()}.{first.position}")

    await client.next("initial_data")
    assert await client.values(1500) == [float(n) for n in range(1500)]


async def test_socket_that_takes_nothing_is_closed_and_abandoned(
    store: Store, hub: Hub, watch: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CLOSE_SECONDS", 0.05)
    slow, good = watch("CNC-001"), watch("CNC-001")
    await slow.next("initial_data")
    slow.reads.clear()
    slow.socket.put("{}")
    await asyncio.sleep(0)
    pulse = HeartbeatSender(lambda: hub.sockets, lambda: hub.state)
    now = asyncio.get_running_loop().time()

    pulse.close_overdue(now + STUCK_SECONDS - 1, 0)
    closed_early = slow.socket.is_closed
    pulse.close_overdue(now + STUCK_SECONDS + 1, 0)
    await happens(lambda: slow.is_abandoned)

    assert not closed_early
    assert slow.socket.is_closed
    assert not good.socket.is_closed


async def test_socket_that_reads_again_hears_why_it_was_closed(
    hub: Hub, watch: Callable[..., Client]
) -> None:
    client = watch("CNC-001")
    await client.next("initial_data")
    client.reads.clear()
    client.socket.put("{}")
    await asyncio.sleep(0)

    client.socket.close(Close.TOO_SLOW)
    client.reads.set()
    await happens(lambda: client.code)

    assert client.code == 4508
    assert not client.is_abandoned


# Time


async def beats(hub: Hub, *, tick: int = 0, state: FeedHealth | None = None) -> None:
    pulse = HeartbeatSender(lambda: hub.sockets, lambda: state or hub.state)
    pulse.beat_soon()
    await pulse.beat(tick)


async def test_heartbeat_tells_the_state_of_the_feed(
    hub: Hub, watch: Callable[..., Client]
) -> None:
    client = watch("CNC-001")
    await client.next("initial_data")

    await beats(hub, state=FeedHealth(FeedStatus.DELAYED, 2.5))

    message = await client.next("heartbeat")
    assert message["machine_id"] == "CNC-001"
    assert message["data"] | {"server_time": ""} == {
        "server_time": "",
        "interval": settings.HEARTBEAT_SECONDS,
        "feed": "delayed",
        "behind_seconds": 2.5,
    }


async def test_heartbeats_reach_each_socket_once_an_interval(
    hub: Hub, watch: Callable[..., Client]
) -> None:
    clients = [watch("CNC-001") for _ in range(7)]
    for client in clients:
        await client.next("initial_data")
    pulse = HeartbeatSender(lambda: hub.sockets, lambda: hub.state)

    for tick in range(2 * settings.HEARTBEAT_SECONDS):
        await pulse.beat(tick)
    await happens(lambda: all(client.messages.qsize() >= 2 for client in clients))

    assert [client.messages.qsize() for client in clients] == [2] * 7


async def test_token_that_expired_closes_its_socket(hub: Hub, store: Store) -> None:
    identity = Identity(user_id=1, auth_hash="", may_see=True, token="t", expires_us=10 * SECOND_US)
    client = Client(identity=identity)
    hub.add(client.socket)
    pulse = HeartbeatSender(lambda: hub.sockets, lambda: hub.state)

    pulse.close_overdue(0.0, 9 * SECOND_US)
    closed_early = client.socket.is_closed
    pulse.close_overdue(0.0, 10 * SECOND_US)
    await happens(lambda: client.code)

    assert not closed_early
    assert client.code == 4401


async def test_redis_away_is_told_and_healed(
    store: Store, hub: Hub, watch: Callable[..., Client]
) -> None:
    client = watch("CNC-001")
    await client.next("initial_data")
    await logged(store, 1.0)

    async with redis_away():
        await happens(lambda: hub.state.feed is FeedStatus.DOWN)
        late = watch("CNC-001")

    await happens(lambda: hub.state.feed is not FeedStatus.DOWN)
    assert await client.values(1) == [1.0]
    greeting = await late.next("initial_data")
    assert [reading["value"] for reading in greeting["data"]["readings"]] == [1.0]


# Coming and going


async def test_hub_runs_nothing_when_the_last_socket_has_left(
    store: Store, hub: Hub, watch: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.hub.hub.LINGER_SECONDS", 0.05)
    client = watch("CNC-001")
    await client.next("initial_data")

    await hub.remove(client.socket)
    await happens(lambda: not hub.is_awake)

    assert get_channel_layer().groups == {}
    again = watch("CNC-001")
    await again.next("initial_data")
    assert hub.is_awake


async def test_hub_counts_the_sockets_that_came(store: Store, watch: Callable[..., Client]) -> None:
    for _ in range(3):
        watch(None)

    async with asyncio.timeout(3):
        while (await store.counters.all()).get("websocket_connections_total") != 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_hub_watches_again_before_the_watch_is_over(
    store: Store, watch: Callable[..., Client]
) -> None:
    await watch("CNC-001").next("initial_data")
    await watch().next("initial_data")

    soon = now_us() + 9 * SECOND_US

    assert (await audience(store, now_us=soon)).watched == {"CNC-001", DASHBOARD}
