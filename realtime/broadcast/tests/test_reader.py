"""From the log to the groups: what is merged, what is skipped, and what survives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from channels.layers import channel_layers, get_channel_layer
from django.conf import settings
from structlog.testing import capture_logs

from realtime import groups
from realtime.broadcast.frames import Frames
from realtime.broadcast.reader import SEND_CHARACTERS, SEND_FRAMES, BroadcastReader, portions
from realtime.tests.kinds import NOTE, UNKNOWN, make_note, make_unknown, note_payload, notes_in
from realtime.tests.readings import make_entry, make_reading, values_in
from sensors.exceptions import LogUnavailable
from sensors.messages import DASHBOARD, DashboardFrame, Frame, MachineFrame
from sensors.metrics import DROPPED, FRAMES
from sensors.scopes import EVERYTHING
from sensors.store import keys
from sensors.store.client import make_client
from sensors.store.store import Store
from sensors.tests.outages import happens
from sensors.timestamps import SECOND_US, now_us

NextFrame = Callable[[str], Awaitable[Frame]]


def make_frames() -> Frames:
    frames = Frames(machine_interval=0.05, dashboard_interval=0.25)
    frames.begin("0-0")
    return frames


def add(frames: Frames, *entries: Any, machine: bool = True, dashboard: bool = False) -> None:
    for entry in entries:
        dashboards = {EVERYTHING.key: True} if dashboard else {}
        frames.add(entry, is_machine_watched=machine, dashboards=dashboards)


def dropped(what: str, reason: str) -> float:
    value: float = DROPPED.labels(what=what, reason=reason)._value.get()
    return value


# Merging


def test_frames_of_a_quiet_machine_are_due_at_once() -> None:
    frames = make_frames()
    add(frames, make_entry("10-0", make_reading(1.0), previous="5-0"))

    [frame] = frames.due("e1", 100.0)

    assert (frame.previous, frame.position, frame.epoch) == ("5-0", "10-0", "e1")
    assert values_in(frame.text) == [1.0]
    assert msgspec.json.decode(frame.text)["cursor"] == "e1.10-0"
    assert frames.next_due() is None


def test_frames_of_a_busy_machine_wait_for_the_tick_and_merge() -> None:
    frames = make_frames()
    for number in range(1, 21):  # a second's worth in a row
        add(frames, make_entry(f"{number}-0", make_reading(), previous=f"{number - 1}-0"))
        assert len(frames.due("e1", 100.0)) == 1
    add(frames, make_entry("21-0", make_reading(2.0), previous="20-0"))
    add(frames, make_entry("22-0", make_reading(3.0), previous="21-0"))

    early = frames.due("e1", 100.04)
    next_due = frames.next_due()
    [frame] = frames.due("e1", 100.051)

    assert early == []
    assert next_due == pytest.approx(100.05)
    assert (frame.previous, frame.position) == ("20-0", "22-0")
    assert values_in(frame.text) == [2.0, 3.0]


def test_frames_of_a_machine_that_rested_are_due_at_once_again() -> None:
    frames = make_frames()
    for number in range(1, 22):
        add(frames, make_entry(f"{number}-0", make_reading(), previous=f"{number - 1}-0"))
        frames.due("e1", 100.0)

    add(frames, make_entry("22-0", make_reading(), previous="21-0"))

    assert len(frames.due("e1", 102.0)) == 1


def test_frames_hold_whole_entries_of_at_most_500_readings() -> None:
    frames = make_frames()
    many = [make_reading(float(n)) for n in range(300)]
    add(
        frames,
        make_entry("10-0", *many, previous="0-0"),
        make_entry("11-0", *many, previous="10-0"),
        make_entry("12-0", make_reading(), previous="11-0"),
    )

    first, second = frames.due("e1", 100.0)

    assert (first.previous, first.position) == ("0-0", "10-0")
    assert (second.previous, second.position) == ("10-0", "12-0")
    assert [len(values_in(frame.text)) for frame in (first, second)] == [300, 301]


def test_dashboard_frame_holds_the_newest_of_each_sensor() -> None:
    frames = make_frames()
    other = make_reading(9.0, machine_id="MIL-002")
    add(
        frames,
        make_entry("10-0", make_reading(1.0), make_reading(2.0), previous="0-0"),
        make_entry("11-0", other, previous="0-0", machine_id="MIL-002"),
        make_entry("12-0", make_reading(0.5, late=True), previous="10-0"),
        machine=False,
        dashboard=True,
    )

    [frame] = frames.due("e1", 100.0)

    assert isinstance(frame, DashboardFrame)
    assert (frame.previous, frame.position) == ("0-0", "12-0")
    assert values_in(frame.text) == [2.0, 9.0]
    assert msgspec.json.decode(frame.text)["data"]["skipped"] == 2
    assert msgspec.json.decode(frame.text)["machine_id"] is None


def test_dashboard_frames_are_chained_and_limited() -> None:
    frames = make_frames()
    add(frames, make_entry("10-0", make_reading(), previous="0-0"), machine=False, dashboard=True)
    frames.due("e1", 100.0)
    add(frames, make_entry("11-0", make_reading(), previous="10-0"), machine=False, dashboard=True)

    early = frames.due("e1", 100.2)
    [frame] = frames.due("e1", 100.25)

    assert early == []
    assert (frame.previous, frame.position) == ("10-0", "11-0")


def test_dashboard_frame_begins_after_what_nobody_watched() -> None:
    frames = make_frames()
    add(frames, make_entry("10-0", make_reading(), previous="0-0"), machine=False)
    add(frames, make_entry("11-0", make_reading(), previous="10-0"), machine=False, dashboard=True)

    [frame] = frames.due("e1", 100.0)

    assert (frame.previous, frame.position) == ("10-0", "11-0")


def test_entry_of_an_unknown_kind_only_moves_machine_and_dashboard() -> None:
    frames = make_frames()
    add(frames, make_entry("10-0", previous="0-0", kind="alarm", payload=b"?"), dashboard=True)

    machine, dashboard = frames.due("e1", 100.0)

    assert isinstance(machine, MachineFrame)
    assert isinstance(dashboard, DashboardFrame)
    assert (machine.previous, machine.position, machine.text) == ("0-0", "10-0", "")
    assert (dashboard.previous, dashboard.position, dashboard.text) == ("0-0", "10-0", "")


def test_entry_of_an_unknown_kind_moves_the_frame_it_comes_with() -> None:
    frames = make_frames()
    add(
        frames,
        make_unknown("9-0", previous="8-0"),
        make_entry("10-0", make_reading(1.0), previous="9-0"),
        make_unknown("11-0", previous="10-0"),
        make_entry("12-0", make_reading(2.0), previous="11-0"),
        make_unknown("13-0", previous="12-0"),
        dashboard=True,
    )

    machine, dashboard = frames.due("e1", 100.0)

    assert (machine.previous, machine.position) == ("8-0", "13-0")
    assert values_in(machine.text) == [1.0, 2.0]
    assert (dashboard.previous, dashboard.position) == ("0-0", "13-0")
    assert values_in(dashboard.text) == [2.0]


def test_frames_hold_runs_of_one_kind_in_log_order(note_kind: None) -> None:
    frames = make_frames()
    add(
        frames,
        make_entry("10-0", make_reading(1.0), previous="9-0"),
        make_entry("11-0", make_reading(2.0), previous="10-0"),
        make_note("12-0", "a", previous="11-0"),
        make_note("13-0", "b", "c", previous="12-0"),
        make_entry("14-0", make_reading(3.0), previous="13-0"),
        dashboard=True,
    )

    due = frames.due("e1", 100.0)

    kinds = [msgspec.json.decode(frame.text)["type"] for frame in due]
    assert kinds == ["sensor_update", "test_update", "sensor_update"] * 2
    assert [(frame.previous, frame.position) for frame in due] == [
        ("9-0", "11-0"),
        ("11-0", "13-0"),
        ("13-0", "14-0"),
        ("0-0", "11-0"),
        ("11-0", "13-0"),
        ("13-0", "14-0"),
    ]
    assert [values_in(due[0].text), values_in(due[2].text)] == [[1.0, 2.0], [3.0]]
    assert [values_in(due[3].text), values_in(due[5].text)] == [[2.0], [3.0]]
    assert notes_in(due[1].text) == notes_in(due[4].text) == ["a", "b", "c"]
    assert {frame.received_at for frame in (due[1], due[4])} == {0}
    cursors = [msgspec.json.decode(frame.text)["cursor"] for frame in due[:3]]
    assert cursors == ["e1.11-0", "e1.13-0", "e1.14-0"]
    assert frames.next_due() is None


def test_dashboard_never_skips_an_entry_of_another_kind(note_kind: None) -> None:
    frames = make_frames()
    notes = [
        make_note(f"{n}-0", str(n), previous="0-0", machine_id=f"CNC-{n:03}") for n in range(1, 6)
    ]
    add(frames, *notes, machine=False, dashboard=True)

    [frame] = frames.due("e1", 100.0)

    assert isinstance(frame, DashboardFrame)
    assert notes_in(frame.text) == ["1", "2", "3", "4", "5"]
    assert msgspec.json.decode(frame.text)["machine_id"] is None


def test_entry_that_nobody_watches_is_not_decoded() -> None:
    before = dropped("entry", "undecodable")
    frames = make_frames()

    add(frames, make_entry("10-0", previous="0-0", payload=b"poison"), machine=False)

    assert frames.due("e1", 100.0) == []
    assert dropped("entry", "undecodable") == before


def test_poisonous_entry_is_counted_and_passed() -> None:
    before = dropped("entry", "undecodable")
    frames = make_frames()
    add(
        frames,
        make_entry("10-0", previous="0-0", payload=b"poison", count=1),
        make_entry("11-0", make_reading(2.0), previous="10-0"),
    )

    [frame] = frames.due("e1", 100.0)

    assert (frame.previous, frame.position) == ("0-0", "11-0")
    assert values_in(frame.text) == [2.0]
    assert dropped("entry", "undecodable") == before + 1


# Sending


def make_frame(text: str = "{}") -> Frame:
    return DashboardFrame(epoch="e1", previous="0-0", position="1-0", received_at=0, text=text)


def test_portions_hold_so_many_frames_in_their_order() -> None:
    frames = [make_frame(str(n)) for n in range(SEND_FRAMES + 1)]

    first, second = portions(frames)

    assert [*first, *second] == frames
    assert len(second) == 1


def test_portions_hold_so_much_text_but_always_a_frame() -> None:
    half, whole = "x" * (SEND_CHARACTERS // 2), "x" * (SEND_CHARACTERS + 1)
    texts = [half, half, "x", whole, half]

    found = [[frame.text for frame in one] for one in portions([make_frame(t) for t in texts])]

    assert found == [[half, half], ["x"], [whole], [half]]


# The reader


@pytest.fixture
async def frames_of(store: Store) -> NextFrame:
    """Receives as a hub does: one channel in a group for each name that is watched."""
    layer = get_channel_layer()
    channels: dict[str, str] = {}

    async def next_frame(group: str) -> Frame:
        if group not in channels:
            channels[group] = await layer.new_channel()
            await layer.group_add(group, channels[group])
            # A subscription is on its way like any message; what follows it comes after.
            await layer.send(channels[group], {"type": "ready"})
            await layer.receive(channels[group])
        frame: Frame = msgspec.convert(await layer.receive(channels[group]), Frame)
        return frame

    return next_frame


async def watch(store: Store, *names: str) -> None:
    await store.audience.watch(names, until_us=now_us() + 60 * SECOND_US)


async def running(broadcaster: BroadcastReader, stop: asyncio.Event) -> asyncio.Task[None]:
    return asyncio.create_task(broadcaster.run(stop))


async def first_frame(next_frame: NextFrame, group: str) -> asyncio.Task[Frame]:
    task = asyncio.ensure_future(next_frame(group))
    await asyncio.sleep(0.05)
    return task


async def test_broadcast_sends_what_is_watched_at_once(
    store: Store, broadcast: None, frames_of: NextFrame
) -> None:
    await watch(store, "CNC-001", DASHBOARD)
    machine = await first_frame(frames_of, groups.machine("CNC-001"))
    dashboard = await first_frame(frames_of, groups.DASHBOARD)

    receipt = await store.log.append([make_reading(1.0)])

    async with asyncio.timeout(1):
        one, all_of = await machine, await dashboard
    assert isinstance(one, MachineFrame)
    assert isinstance(all_of, DashboardFrame)
    assert (one.previous, one.position) == ("0-0", receipt.position)
    assert one.epoch == all_of.epoch == await store.log.epoch()
    assert values_in(one.text) == values_in(all_of.text) == [1.0]


async def test_first_entry_of_an_empty_log_does_not_restart_the_broadcast(
    store: Store, frames_of: NextFrame
) -> None:
    await watch(store, "CNC-001")
    stop = asyncio.Event()
    with capture_logs() as lines:
        task = await running(BroadcastReader(store), stop)
        frame = await first_frame(frames_of, groups.machine("CNC-001"))

        await store.log.append([make_reading(1.0)])
        async with asyncio.timeout(1):
            assert values_in((await frame).text) == [1.0]
        stop.set()
        await task

    assert [line["epoch"] for line in lines if line["event"] == "broadcast_started"] == [""]


async def test_broadcast_sends_nothing_that_nobody_watches(
    store: Store, broadcast: None, frames_of: NextFrame
) -> None:
    await watch(store, "MIL-002")
    machine = await first_frame(frames_of, groups.machine("CNC-001"))
    watched = await first_frame(frames_of, groups.machine("MIL-002"))

    await store.log.append([make_reading(1.0)])
    await store.log.append([make_reading(2.0, machine_id="MIL-002")])

    async with asyncio.timeout(1):
        assert values_in((await watched).text) == [2.0]
    assert not machine.done()
    machine.cancel()


async def test_broadcast_goes_on_where_it_was(store: Store, frames_of: NextFrame) -> None:
    await watch(store, "CNC-001")
    await store.log.append([make_reading(1.0)])
    first, second = BroadcastReader(store), BroadcastReader(store)
    stop = asyncio.Event()
    task = await running(first, stop)
    await asyncio.sleep(0.1)
    stop.set()
    await task
    _, [saved] = await store.progress.marks(["broadcast"])

    receipt = await store.log.append([make_reading(2.0)])
    frame = await first_frame(frames_of, groups.machine("CNC-001"))
    stop.clear()
    task = await running(second, stop)

    async with asyncio.timeout(1):
        assert values_in((await frame).text) == [2.0]
    stop.set()
    await task
    assert saved[0] == await store.log.epoch()
    assert (await store.progress.marks(["broadcast"]))[1][0] == (saved[0], receipt.position)


class BrokenLayer:
    """A channel layer whose Redis is away for its first sends."""

    def __init__(self, inner: Any, failures: int) -> None:
        self.inner = inner
        self.failures = failures

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the layer is away")
        await self.inner.group_send(group, message)


async def test_broadcast_survives_a_layer_that_fails(store: Store, frames_of: NextFrame) -> None:
    before = dropped("frame", "channel_layer")
    await watch(store, "CNC-001")
    frame = await first_frame(frames_of, groups.machine("CNC-001"))
    layer = channel_layers.set("default", BrokenLayer(get_channel_layer(), failures=1))
    try:
        broadcaster = BroadcastReader(store)
    finally:
        channel_layers.set("default", layer)
    stop = asyncio.Event()
    task = await running(broadcaster, stop)

    await store.log.append([make_reading(1.0)])
    async with asyncio.timeout(2):
        while dropped("frame", "channel_layer") == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await store.log.append([make_reading(2.0)])

    async with asyncio.timeout(1):
        assert values_in((await frame).text) == [2.0]
    stop.set()
    await task
    assert dropped("frame", "channel_layer") == before + 1


async def test_broadcast_sends_entries_of_every_kind_in_log_order(
    store: Store, broadcast: None, frames_of: NextFrame, note_kind: None
) -> None:
    await watch(store, "CNC-001", DASHBOARD)
    group = groups.machine("CNC-001")
    frame = await first_frame(frames_of, group)

    await store.log.append([make_reading(1.0)])
    await store.log.append_entry("CNC-001", NOTE, note_payload("a"))
    await store.log.append_entry("CNC-001", UNKNOWN, b"?")
    last = (await store.log.append([make_reading(2.0)])).position

    async with asyncio.timeout(2):
        frames = [await frame]
        while frames[-1].position != last:
            frames.append(await frames_of(group))
    assert [each.previous for each in frames] == ["0-0", *(each.position for each in frames[:-1])]
    texts = [each.text for each in frames if each.text]
    types = [msgspec.json.decode(text)["type"] for text in texts]
    assert types == ["sensor_update", "test_update", "sensor_update"]
    assert [values_in(texts[0]), values_in(texts[2])] == [[1.0], [2.0]]
    assert notes_in(texts[1]) == ["a"]


async def test_plain_subscriber_gets_no_message_of_an_unknown_kind(
    store: Store, broadcast: None
) -> None:
    async with Subscriber(keys.updates("CNC-001")) as subscriber:
        await store.log.append_entry("CNC-001", UNKNOWN, b"?")
        await asyncio.sleep(0.1)
        await store.log.append([make_reading(1.0)])
        _, message = await subscriber.next()

    assert message["type"] == "sensor_update"


async def test_broadcast_finds_that_the_log_was_lost(
    store: Store, broadcast: None, frames_of: NextFrame
) -> None:
    await watch(store, "CNC-001")
    frame = await first_frame(frames_of, groups.machine("CNC-001"))
    await store.log.append([make_reading(1.0)])
    old = await frame
    client = make_client(settings.REDIS_URL)
    await client.flushall()
    await client.aclose()

    await watch(store, "CNC-001")
    await store.log.append([make_reading(2.0)])

    async with asyncio.timeout(3):
        while (found := await frames_of(groups.machine("CNC-001"))).epoch == old.epoch:
            pass
    assert found.epoch == await store.log.epoch()
    assert found.previous == "0-0"
    assert values_in(found.text) == [2.0]


async def test_broadcast_counts_what_it_sent(
    store: Store, broadcast: None, frames_of: NextFrame
) -> None:
    await watch(store, "CNC-001")
    frame = await first_frame(frames_of, groups.machine("CNC-001"))
    await store.log.append([make_reading(1.0)])
    await frame

    async with asyncio.timeout(3):
        while "sensor_updates_broadcast" not in await store.counters.all():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await store.counters.all())["sensor_updates_broadcast"] == 1


# Plain Redis subscribers


class Subscriber:
    """Any program with a Redis client and nothing of ours."""

    def __init__(self, *channels: str, pattern: str = "") -> None:
        self._client = make_client(settings.REDIS_URL, read_seconds=5)
        self._pubsub = self._client.pubsub()
        self._channels = channels
        self._pattern = pattern

    async def __aenter__(self) -> "Subscriber":
        if self._channels:
            await self._pubsub.subscribe(*self._channels)
        if self._pattern:
            await self._pubsub.psubscribe(self._pattern)
        for _ in [*self._channels, *filter(None, [self._pattern])]:
            await self._pubsub.get_message(timeout=2)  # that it is subscribed
        return self

    async def __aexit__(self, *exc: object) -> None:
        # fakeredis still counts who has only gone away.
        await self._pubsub.unsubscribe()
        await self._pubsub.punsubscribe()
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._client.aclose()

    async def next(self) -> tuple[str, dict[str, Any]]:
        """(channel, message) of the next one."""
        async with asyncio.timeout(3):
            while (got := await self._pubsub.get_message(timeout=1)) is None:
                pass
        return got["channel"].decode(), msgspec.json.decode(got["data"])


async def test_plain_subscriber_gets_the_messages_of_its_machine_alone(
    store: Store, broadcast: None
) -> None:
    async with Subscriber(keys.updates("CNC-001")) as subscriber:
        await store.log.append([make_reading(9.0, machine_id="MIL-002")])
        receipt = await store.log.append(
            [make_reading(1.0), make_reading(2.0, sensor_type="speed")]
        )
        channel, message = await subscriber.next()

    assert channel == "sensor_updates:CNC-001"
    assert list(message) == ["type", "machine_id", "timestamp", "cursor", "data"]
    assert (message["type"], message["machine_id"]) == ("sensor_update", "CNC-001")
    assert message["cursor"] == f"{await store.log.epoch()}.{receipt.position}"
    assert [reading["value"] for reading in message["data"]["readings"]] == [1.0, 2.0]


async def test_plain_subscriber_gets_what_the_sockets_get(
    store: Store, broadcast: None, frames_of: NextFrame
) -> None:
    await watch(store, "CNC-001")
    frame = await first_frame(frames_of, groups.machine("CNC-001"))

    async with Subscriber(keys.updates("CNC-001")) as subscriber:
        await store.log.append([make_reading(1.0)])
        _, message = await subscriber.next()

    assert message == msgspec.json.decode((await frame).text)


@pytest.mark.parametrize("listens", [{"all": True}, {"pattern": "sensor_updates:[A-Z]*"}])
async def test_plain_subscriber_of_all_gets_every_machine(
    store: Store, broadcast: None, listens: dict[str, Any]
) -> None:
    channels = [keys.ALL_UPDATES] if listens.pop("all", False) else []
    async with Subscriber(*channels, **listens) as subscriber:
        await store.log.append([make_reading(1.0)])
        await store.log.append([make_reading(2.0, machine_id="MIL-002")])
        messages = [(await subscriber.next())[1] for _ in range(2)]

    assert [message["machine_id"] for message in messages] == ["CNC-001", "MIL-002"]


async def test_nothing_is_published_while_nobody_listens(store: Store, broadcast: None) -> None:
    published = FRAMES.labels(kind="plain")._value
    before = published.get()
    async with Subscriber(keys.updates("MIL-002")) as subscriber:
        await store.log.append([make_reading(1.0)])
        await store.log.append([make_reading(2.0, machine_id="MIL-002")])
        await subscriber.next()
        await happens(lambda: published.get() > before)

    assert published.get() == before + 1


async def test_sockets_are_served_while_publishing_fails(
    store: Store, frames_of: NextFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(messages: object) -> None:
        raise LogUnavailable("NOPERM this user has no permissions to access one of the channels")

    monkeypatch.setattr(store.audience, "publish", refuse)
    before = dropped("frame", "publish")
    await watch(store, "CNC-001")
    stop = asyncio.Event()
    task = await running(BroadcastReader(store), stop)

    async with Subscriber(keys.ALL_UPDATES):
        for value in (1.0, 2.0):
            frame = await first_frame(frames_of, groups.machine("CNC-001"))
            await store.log.append([make_reading(value)])
            async with asyncio.timeout(1):
                assert values_in((await frame).text) == [value]
    stop.set()
    await task

    assert dropped("frame", "publish") == before + 2
