"""Dashboards of scopes: a frame for each watched scope, with the machines that it sees alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from channels.layers import BaseChannelLayer, get_channel_layer
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from realtime import groups
from realtime.broadcast.dashboards import WatchedDashboards
from realtime.broadcast.frames import Frames
from realtime.tests.readings import make_entry, make_reading, values_in
from sensors.catalogue.cache import get_catalogue
from sensors.messages import (
    START,
    DashboardFrame,
    Frame,
    LogEntry,
    dashboard_topic,
    scope_key_of,
)
from sensors.models import Machine
from sensors.scopes import EVERYTHING, Place, Scope, restricted_to
from sensors.store.store import Store
from sensors.tests.people import HIDDEN, SEEN
from sensors.timestamps import SECOND_US, now_us

SCOPE = restricted_to([SEEN])
# The machines of these tests: in the scope, out of it, without a place.
MACHINES = {"CNC-001": SEEN, "MIL-002": HIDDEN, "RBT-003": Place()}


def machines_in(frame: Frame) -> list[str]:
    if not frame.text:
        return []
    readings = msgspec.json.decode(frame.text)["data"]["readings"]
    return [reading["machine_id"] for reading in readings]


# Topics and groups


def test_names_of_the_dashboard_of_everything_are_as_before() -> None:
    assert dashboard_topic(EVERYTHING.key) == "*"
    assert groups.of("*") == "dashboard"
    assert groups.of("CNC-001") == "machine.CNC-001"


def test_names_of_the_dashboard_of_a_scope() -> None:
    topic = dashboard_topic(SCOPE.key)

    assert topic == f"*{SCOPE.key}"
    assert scope_key_of(topic) == SCOPE.key
    assert scope_key_of("CNC-001") is None
    assert groups.of(topic) == f"dashboard.{SCOPE.key}"
    assert BaseChannelLayer().require_valid_group_name(groups.of(topic))


# Frames


def make_frames() -> Frames:
    frames = Frames(machine_interval=0.05, dashboard_interval=0.25)
    frames.begin(START)
    return frames


def entry_of(machine_id: str, position: str, value: float = 1.0) -> LogEntry:
    reading = make_reading(value, machine_id=machine_id)
    return make_entry(position, reading, previous=START, machine_id=machine_id)


def add(frames: Frames, machine_id: str, position: str, *scopes: Scope, value: float = 1.0) -> None:
    place = MACHINES[machine_id]
    frames.add(
        entry_of(machine_id, position, value),
        is_machine_watched=False,
        dashboards={scope.key: scope.sees(place) for scope in scopes},
    )


def test_frame_of_a_scope_has_its_machines_alone() -> None:
    frames = make_frames()
    for number, machine_id in enumerate(MACHINES, start=1):
        add(frames, machine_id, f"{number}-0", EVERYTHING, SCOPE)

    full, restricted = frames.due("e1", 100.0)

    assert (full.topic, restricted.topic) == ("*", f"*{SCOPE.key}")
    assert machines_in(full) == ["CNC-001", "MIL-002", "RBT-003"]
    assert machines_in(restricted) == ["CNC-001"]
    assert (restricted.previous, restricted.position) == (full.previous, full.position)
    assert restricted.position == "3-0"


def test_frame_of_a_scope_counts_no_foreign_readings() -> None:
    frames = make_frames()
    for number, machine_id in enumerate(["CNC-001", "MIL-002", "CNC-001", "MIL-002"], start=1):
        add(frames, machine_id, f"{number}-0", EVERYTHING, SCOPE)

    full, restricted = frames.due("e1", 100.0)

    assert msgspec.json.decode(full.text)["data"]["skipped"] == 2
    assert msgspec.json.decode(restricted.text)["data"]["skipped"] == 1


def test_frame_of_a_scope_without_readings_moves_the_position() -> None:
    frames = make_frames()
    add(frames, "MIL-002", "1-0", SCOPE)
    add(frames, "MIL-002", "2-0", SCOPE)

    [frame] = frames.due("e1", 100.0)

    assert (frame.previous, frame.position, frame.text) == (START, "2-0", "")
    assert frame.received_at == 0


def test_entries_of_foreign_machines_are_not_decoded() -> None:
    frames = make_frames()
    broken = make_entry("1-0", previous=START, machine_id="MIL-002", payload=b"[broken")

    with capture_logs() as logs:
        frames.add(broken, is_machine_watched=False, dashboards={SCOPE.key: False})

    assert logs == []


def test_dashboard_that_comes_later_starts_after_the_entries_before() -> None:
    frames = make_frames()
    add(frames, "CNC-001", "1-0", EVERYTHING)
    add(frames, "CNC-001", "2-0", EVERYTHING, SCOPE)

    full, restricted = frames.due("e1", 100.0)

    assert (full.previous, full.position) == (START, "2-0")
    assert (restricted.previous, restricted.position) == ("1-0", "2-0")


def test_dashboard_that_comes_back_leaves_a_gap() -> None:
    frames = make_frames()
    add(frames, "CNC-001", "1-0", SCOPE)
    add(frames, "CNC-001", "2-0")
    add(frames, "CNC-001", "3-0", SCOPE, value=3.0)

    [frame] = frames.due("e1", 100.0)

    assert (frame.previous, frame.position) == ("2-0", "3-0")
    assert values_in(frame.text) == [3.0]


STEP = st.one_of(
    st.sampled_from(list(MACHINES)),  # an entry of this machine
    st.floats(0.01, 0.5),  # so many seconds go by, then what is due is sent
    st.sampled_from(["full", "restricted"]),  # this dashboard opens or closes
)


@given(st.lists(STEP, max_size=40))
def test_frames_of_a_scope_are_the_full_frames_without_foreign_machines(steps: list[Any]) -> None:
    """Whoever follows the chain has the newest value of every machine that he sees."""
    frames, now, number = make_frames(), 100.0, 0
    watched, chain = {EVERYTHING, SCOPE}, {EVERYTHING: START, SCOPE: START}
    newest: dict[str, float] = {}
    values: dict[str, dict[str, float]] = {START: {}}  # by position
    shown: dict[Scope, dict[str, float]] = {EVERYTHING: {}, SCOPE: {}}
    scopes = {EVERYTHING.key: EVERYTHING, SCOPE.key: SCOPE}
    for step in [*steps, "CNC-001", 1.0]:
        if isinstance(step, float):
            now += step
            for frame in frames.due("e1", now):
                assert isinstance(frame, DashboardFrame)
                scope = scopes[frame.scope]
                assert {*machines_in(frame)} <= {m for m in MACHINES if scope.sees(MACHINES[m])}
                if frame.previous != chain[scope]:  # as after a snapshot
                    shown[scope] = dict(values[frame.previous])
                chain[scope] = frame.position
                if frame.text:
                    shown[scope] |= dict(
                        zip(machines_in(frame), values_in(frame.text), strict=True)
                    )
                assert {m: v for m, v in shown[scope].items() if scope.sees(MACHINES[m])} == {
                    m: v for m, v in values[frame.position].items() if scope.sees(MACHINES[m])
                }
        elif step in MACHINES:
            number += 1
            newest[step] = float(number)
            values[f"{number}-0"] = dict(newest)
            add(frames, step, f"{number}-0", *watched, value=float(number))
        else:
            watched ^= {EVERYTHING if step == "full" else SCOPE}
    for scope in watched:
        assert chain[scope] == f"{number}-0"


# Scopes of the watched dashboards


@pytest.fixture
async def machines() -> None:
    for machine_id, place in MACHINES.items():
        await Machine.objects.acreate(machine_id=machine_id, **place._asdict())


async def watch(store: Store, *scopes: Scope) -> frozenset[str]:
    """Record as a hub does that these dashboards are shown; their topics."""
    topics = frozenset(dashboard_topic(scope.key) for scope in scopes)
    texts = {scope.key: scope.text for scope in scopes if not scope.is_everything}
    await store.audience.watch(topics, until_us=now_us() + 60 * SECOND_US, scopes=texts)
    return topics


def showing(dashboards: WatchedDashboards, scope: Scope) -> list[str]:
    return [one for one in (*MACHINES, "ZZZ-999") if dashboards.showing(one).get(scope.key)]


@pytest.mark.django_db(transaction=True)
async def test_dashboards_show_the_machines_of_their_scopes(store: Store, machines: None) -> None:
    north = restricted_to([Place("North")])
    dashboards = WatchedDashboards(store)

    await dashboards.update(await watch(store, EVERYTHING, SCOPE, north) | {"CNC-001"})

    assert showing(dashboards, EVERYTHING) == [*MACHINES, "ZZZ-999"]
    assert showing(dashboards, north) == ["CNC-001", "MIL-002"]
    assert showing(dashboards, SCOPE) == ["CNC-001"]


@pytest.mark.django_db(transaction=True)
async def test_dashboard_follows_a_machine_that_is_moved(store: Store, machines: None) -> None:
    dashboards, topics = WatchedDashboards(store), await watch(store, SCOPE)
    await dashboards.update(topics)
    assert showing(dashboards, SCOPE) == ["CNC-001"]

    await Machine.objects.filter(machine_id="CNC-001").aupdate(line="Line Z")
    await Machine.objects.filter(machine_id="MIL-002").aupdate(line=SEEN.line)
    await get_catalogue().register([])  # reads the tables again
    await dashboards.update(topics)

    assert showing(dashboards, SCOPE) == ["MIL-002"]


async def test_dashboard_of_everything_asks_no_database(store: Store) -> None:
    dashboards = WatchedDashboards(store)

    await dashboards.update(await watch(store, EVERYTHING))

    assert showing(dashboards, EVERYTHING) == [*MACHINES, "ZZZ-999"]


async def test_dashboard_without_the_text_of_its_scope_is_left_out(store: Store) -> None:
    dashboards, topics = WatchedDashboards(store), frozenset({dashboard_topic(SCOPE.key), "*"})

    await dashboards.update(topics)

    assert dict(dashboards.showing("CNC-001")) == {EVERYTHING.key: True}


@pytest.mark.django_db(transaction=True)
async def test_dashboard_is_shown_as_soon_as_its_scope_is_there(
    store: Store, machines: None
) -> None:
    dashboards, topics = WatchedDashboards(store), frozenset({dashboard_topic(SCOPE.key)})
    await dashboards.update(topics)

    await watch(store, SCOPE)
    await dashboards.update(topics)

    assert showing(dashboards, SCOPE) == ["CNC-001"]


@pytest.mark.parametrize("text", ["nonsense", "null", restricted_to([Place("South")]).text])
async def test_text_of_another_scope_is_refused_once(store: Store, text: str) -> None:
    dashboards, topics = WatchedDashboards(store), frozenset({dashboard_topic(SCOPE.key)})
    await store.audience.watch(topics, until_us=now_us() + SECOND_US, scopes={SCOPE.key: text})

    with capture_logs() as logs:
        await dashboards.update(topics)
        await dashboards.update(frozenset(topics))

    assert showing(dashboards, SCOPE) == []
    assert [(log["event"], log["text"]) for log in logs] == [("scope_refused", text)]


@pytest.mark.django_db(transaction=True)
async def test_restricted_dashboard_has_no_frames_while_no_machine_is_known(
    store: Store, machines: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    dashboards, topics = WatchedDashboards(store), await watch(store, EVERYTHING, SCOPE)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr("sensors.catalogue.cache.catalogue_snapshot", away)
        await dashboards.update(topics)
        await dashboards.update(topics)
        assert dict(dashboards.showing("CNC-001")) == {EVERYTHING.key: True}

    await dashboards.update(topics)

    assert showing(dashboards, SCOPE) == ["CNC-001"]
    assert [log["event"] for log in logs] == ["scopes_not_applied"]


# The reader


async def frames_of(topics: Sequence[str]) -> dict[str, "asyncio.Task[Frame]"]:
    """The next frame of each topic's group."""
    layer = get_channel_layer()
    tasks = {}
    for topic in topics:
        channel = await layer.new_channel()
        await layer.group_add(groups.of(topic), channel)
        # A subscription is on its way like any message; what follows it comes after.
        await layer.send(channel, {"type": "ready"})
        await layer.receive(channel)
        tasks[topic] = asyncio.create_task(layer.receive(channel))
    return tasks


@pytest.mark.django_db(transaction=True)
async def test_broadcast_sends_each_dashboard_the_machines_of_its_scope(
    store: Store, machines: None, broadcast: None
) -> None:
    full, restricted = dashboard_topic(EVERYTHING.key), dashboard_topic(SCOPE.key)
    await watch(store, EVERYTHING, SCOPE)
    received = await frames_of([full, restricted])

    readings = [make_reading(float(n), machine_id=one) for n, one in enumerate(MACHINES)]
    receipt = await store.log.append(readings)

    async with asyncio.timeout(2):
        frames = {
            topic: msgspec.convert(await task, DashboardFrame) for topic, task in received.items()
        }
    assert sorted(machines_in(frames[full])) == sorted(MACHINES)
    assert machines_in(frames[restricted]) == ["CNC-001"]
    assert frames[restricted].topic == restricted
    assert frames[restricted].position == receipt.position
