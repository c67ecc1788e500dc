"""The log and the latest values, on whatever Redis the suite runs against."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sensors.enums import Outcome, Quality
from sensors.exceptions import LogFull, LogUnavailable, RateLimited, ScriptFailed
from sensors.history.tests.following import audience
from sensors.messages import START, Audience, LiveReading
from sensors.metrics import SCRIPT_ERRORS
from sensors.store import keys
from sensors.store.audience import AudienceDecoder
from sensors.store.client import RedisError, make_client
from sensors.store.store import Store
from sensors.tests.outages import redis_away
from sensors.timestamps import SECOND_US, now_us

A, L, D, C = Outcome.ACCEPTED, Outcome.LATE, Outcome.DUPLICATE, Outcome.CONFLICT
NOW = now_us()


def reading(seconds: float = 0, value: float | None = 20.0, **changes: object) -> LiveReading:
    fields: dict[str, object] = {
        "machine_id": "CNC-001",
        "sensor_id": 1,
        "sensor_type": "temperature",
        "unit": "Cel",
        "measured_at": NOW + round(seconds * SECOND_US),
        "received_at": NOW + 3600 * SECOND_US,
        "value": value,
        "quality": Quality.GOOD,
        "metadata": {},
    }
    return LiveReading(**(fields | changes))  # type: ignore[arg-type]


async def test_append_returns_a_verdict_per_reading(store: Store) -> None:
    receipt = await store.log.append([reading(1), reading(2), reading(1.5), reading(2)])

    assert receipt.outcomes == (A, A, L, D)
    assert receipt.position is not None


async def test_append_writes_one_entry_per_machine_with_the_position_before(store: Store) -> None:
    await store.log.append([reading(1), reading(1, machine_id="MIL-002"), reading(2)])
    await store.log.append([reading(3)])

    first, mill, second = await store.log.read(START, count=10)

    assert [(entry.machine_id, entry.count) for entry in (first, mill, second)] == [
        ("CNC-001", 2),
        ("MIL-002", 1),
        ("CNC-001", 1),
    ]
    assert (first.previous, second.previous) == (START, first.position)
    assert first.readings() == [reading(1), reading(2)]


async def test_append_with_a_conflict_writes_nothing(store: Store) -> None:
    await store.log.append([reading(1, 20.0)])

    receipt = await store.log.append([reading(2, 21.0), reading(1, 99.0)])

    assert receipt.outcomes == (A, C)
    assert receipt.position is None
    assert await store.log.length() == 1


async def test_append_partial_with_a_conflict_takes_the_rest(store: Store) -> None:
    await store.log.append([reading(1, 20.0)])

    receipt = await store.log.append([reading(2, 21.0), reading(1, 99.0)], partial=True)

    assert receipt.outcomes == (A, C)
    entries = await store.log.read(START, count=10)
    assert entries[1].readings() == [reading(2, 21.0)]


async def test_append_of_another_quality_is_a_conflict(store: Store) -> None:
    await store.log.append([reading(1)])

    receipt = await store.log.append([reading(1, quality=Quality.BAD)])

    assert receipt.outcomes == (C,)


async def test_latest_is_never_moved_by_a_late_reading(store: Store) -> None:
    await store.log.append([reading(5, 25.0)])
    await store.log.append([reading(3, 23.0)])

    [snapshot] = await store.latest.snapshots(["CNC-001"])

    assert snapshot.readings == (reading(5, 25.0),)
    entries = await store.log.read(START, count=10)
    assert entries[1].readings() == [reading(3, 23.0, late=True)]
    assert snapshot.position == entries[1].position


async def test_latest_from_the_future_is_overtaken_by_the_next_reading(store: Store) -> None:
    ahead = reading(300, 30.0, received_at=NOW)
    after = reading(1, 21.0, received_at=NOW + SECOND_US)

    await store.log.append([ahead])
    await store.log.append([after])

    [snapshot] = await store.latest.snapshots(["CNC-001"])
    assert snapshot.readings == (after,)


async def test_batch_larger_than_an_entry_is_cut_into_chained_entries(store: Store) -> None:
    await store.log.append([reading(i) for i in range(1001)])

    entries = await store.log.read(START, count=10)

    assert [entry.count for entry in entries] == [500, 500, 1]
    assert [entry.previous for entry in entries] == [START, *(e.position for e in entries[:2])]


async def test_batch_of_thousands_of_readings_of_one_sensor_is_taken_once(store: Store) -> None:
    readings = [reading(milliseconds / 1000) for milliseconds in range(7000)]

    first = await store.log.append(readings)
    again = await store.log.append(readings)

    assert set(first.outcomes) == {A}
    assert set(again.outcomes) == {D}


async def test_requests_of_one_flush_see_what_was_taken_before_them_alone(store: Store) -> None:
    await store.log.append([reading(0)])

    receipts = await asyncio.gather(
        store.log.append([reading(1, value=1.0), reading(0, value=2.0)]),  # refused whole
        store.log.append([reading(1, value=3.0), reading(2)]),
        store.log.append([reading(2), reading(1, value=1.0)], partial=True),
    )

    assert [receipt.outcomes for receipt in receipts] == [(A, C), (A, A), (D, C)]
    [snapshot] = await store.latest.snapshots(["CNC-001"])
    assert [one.measured_at for one in snapshot.readings] == [reading(2).measured_at]
    assert (await store.counters.all())["sensor_readings_processed"] == 3


async def test_order_is_that_of_the_request_where_measured_times_lie_far_apart(
    store: Store,
) -> None:
    receipt = await store.log.append([reading(0), reading(200), reading(1), reading(201)])

    assert receipt.outcomes == (A, A, L, A)


async def test_repeat_of_one_stamped_with_a_time_to_come_is_recognised(store: Store) -> None:
    ahead = [reading(seconds, received_at=NOW) for seconds in (50, 60)]
    await store.log.append(ahead)

    again = await store.log.append(ahead[:1])
    other = await store.log.append([reading(50, 99.0, received_at=NOW)])

    assert (again.outcomes, other.outcomes) == ((D,), (C,))


async def test_positions_are_those_of_the_log_and_of_each_machine(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.store.latest.POSITIONS", 2)
    names = [f"CNC-{n:03}" for n in range(5)]
    receipts = [await store.log.append([reading(machine_id=name)]) for name in names]

    epoch, newest, positions = await store.latest.positions([*names, "MIL-002"])

    assert epoch == await store.log.epoch()
    assert newest == receipts[-1].position
    assert positions == [*(receipt.position for receipt in receipts), "0-0"]


async def test_positions_of_an_empty_log_are_its_start(store: Store) -> None:
    assert await store.latest.positions(["CNC-001"]) == ("", "0-0", ["0-0"])


async def test_missed_returns_what_came_after_a_position(store: Store) -> None:
    for second in range(5):
        await store.log.append([reading(second)])
        await store.log.append([reading(second, machine_id="MIL-002")])
    entries = [e for e in await store.log.read(START, count=100) if e.machine_id == "CNC-001"]

    missed = await store.log.missed("CNC-001", entries[1].position)

    assert missed.entries == tuple(entries[2:])
    assert missed.position == entries[4].position
    assert missed.epoch == await store.log.epoch()


async def test_missed_since_the_start_returns_everything(store: Store) -> None:
    await store.log.append([reading(1)])

    missed = await store.log.missed("CNC-001", START)

    assert missed.entries is not None
    assert [entry.readings() for entry in missed.entries] == [[reading(1)]]


async def test_missed_from_a_trimmed_or_foreign_position_is_incomplete(store: Store) -> None:
    await store.log.append([reading(1)])
    await store.log.append([reading(2)])
    last = await store.log.last_position()
    await store.log.trim(last)

    assert (await store.log.missed("CNC-001", START)).entries is None
    assert (await store.log.missed("CNC-001", "123-4")).entries is None
    assert (await store.log.missed("CNC-001", last)).entries == ()


async def test_entry_of_another_kind_stands_in_the_machines_chain(store: Store) -> None:
    first = await store.log.append([reading(1)])
    note = await store.log.append_entry("CNC-001", "note", b'[{"text":"a"}]')
    other = await store.log.append_entry("MIL-002", "note", b"[]")
    second = await store.log.append([reading(2)])

    entries = await store.log.read(START, count=10)
    [snapshot] = await store.latest.snapshots(["CNC-001"])
    _, newest, positions = await store.latest.positions(["CNC-001", "MIL-002"])
    missed = await store.log.missed("CNC-001", START)

    assert [(entry.kind, entry.machine_id) for entry in entries] == [
        ("readings", "CNC-001"),
        ("note", "CNC-001"),
        ("note", "MIL-002"),
        ("readings", "CNC-001"),
    ]
    assert [entry.previous for entry in entries] == [START, first.position, START, note]
    assert [entry.position for entry in entries] == [first.position, note, other, second.position]
    assert (entries[1].count, entries[1].payload) == (1, b'[{"text":"a"}]')
    assert (snapshot.position, snapshot.readings) == (second.position, (reading(2),))
    assert (newest, positions) == (second.position, [second.position, other])
    assert missed.entries == (entries[0], entries[1], entries[3])


async def test_first_entry_of_another_kind_begins_the_log(store: Store) -> None:
    position = await store.log.append_entry("CNC-001", "note", b"[]")

    epoch = await store.log.epoch()
    [snapshot] = await store.latest.snapshots(["CNC-001"])
    assert epoch != ""
    assert (snapshot.epoch, snapshot.position, snapshot.readings) == (epoch, position, ())
    await store.log.append_entry("CNC-001", "note", b"[]")
    await store.log.append([reading(1)])
    assert await store.log.epoch() == epoch


async def test_full_log_refuses_entries_of_every_kind(store: Store, settings: object) -> None:
    settings.MAX_LOG_ENTRIES = 1  # type: ignore[attr-defined]
    position = await store.log.append_entry("CNC-001", "note", b"[]")

    with pytest.raises(LogFull):
        await store.log.append_entry("CNC-001", "note", b"[]")

    assert await store.log.length() == 1
    assert (await store.latest.positions(["CNC-001"]))[2] == [position]


async def test_missed_counts_entries_of_every_kind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.store.log.MISSED_ITEMS", 4)
    first = await store.log.append([reading(1)])
    assert first.position is not None
    await store.log.append([reading(2), reading(3)])
    for _ in range(2):
        await store.log.append_entry("CNC-001", "note", b"[]")
    within = await store.log.missed("CNC-001", first.position)
    await store.log.append_entry("CNC-001", "note", b"[]")

    beyond = await store.log.missed("CNC-001", first.position)

    assert within.entries is not None
    assert [entry.count for entry in within.entries] == [2, 1, 1]
    assert beyond.entries is None


async def test_missed_over_an_entry_without_a_previous_one_is_incomplete(store: Store) -> None:
    client = make_client(settings.REDIS_URL)
    position = await client.xadd(keys.LOG, {"kind": "note"})
    await client.hset(keys.latest("CNC-001"), keys.POSITION_FIELD, position)
    await client.aclose()

    assert (await store.log.missed("CNC-001", START)).entries is None


async def test_items_of_an_unknown_kind_are_none(store: Store) -> None:
    await store.log.append_entry("CNC-001", "of_a_newer_version", b"\x00 no JSON")

    [entry] = await store.log.read(START, count=10)

    assert entry.items() == []


@pytest.fixture
async def wrong_type(store: Store) -> None:
    """The latest values of CNC-001 have a key of the wrong type."""
    client = make_client(settings.REDIS_URL)
    await client.set(keys.latest("CNC-001"), "no hash")
    await client.aclose()


async def test_key_of_the_wrong_type_is_no_outage(store: Store, wrong_type: None) -> None:
    names = ("append", "append_entry", "missed")
    before = [SCRIPT_ERRORS.labels(name)._value.get() for name in names]

    with capture_logs() as lines:
        for call in (
            store.log.append([reading(1)]),
            store.log.append_entry("CNC-001", "note", b"[]"),
            store.log.missed("CNC-001", START),
        ):
            with pytest.raises(ScriptFailed, match="WRONGTYPE"):
                await call

    failed = [line for line in lines if line["event"] == "redis_script_failed"]
    assert [line["script"] for line in failed] == list(names)
    assert {line["log_level"] for line in failed} == {"error"}
    assert all("WRONGTYPE" in line["error"] for line in failed)
    after = [SCRIPT_ERRORS.labels(name)._value.get() for name in names]
    assert after == [count + 1 for count in before]


async def test_requests_after_a_script_error_are_tried(store: Store, wrong_type: None) -> None:
    bad = asyncio.create_task(store.log.append([reading(1)]))
    await asyncio.sleep(0)  # its flush is in flight
    good = asyncio.create_task(store.log.append([reading(1, machine_id="MIL-002")]))

    with pytest.raises(ScriptFailed):
        await bad
    assert (await good).outcomes == (A,)


async def test_key_of_the_wrong_type_hides_no_other_position(
    store: Store, wrong_type: None
) -> None:
    receipt = await store.log.append([reading(1, machine_id="MIL-002")])

    _, newest, positions = await store.latest.positions(["CNC-001", "MIL-002"])

    assert newest == receipt.position
    assert positions == [START, receipt.position]


async def test_redis_that_does_not_answer_is_an_outage(store: Store) -> None:
    before = SCRIPT_ERRORS.labels("missed")._value.get()

    async with redis_away():
        with pytest.raises(LogUnavailable) as caught:
            await store.log.missed("CNC-001", START)

    assert not isinstance(caught.value, ScriptFailed)
    assert SCRIPT_ERRORS.labels("missed")._value.get() == before


async def test_append_counts_what_it_took(store: Store) -> None:
    await store.log.append([reading(1), reading(2), reading(2)])

    counters = await store.counters.all()

    assert counters["sensor_readings_processed"] == 2
    assert counters["sensor_readings_temperature"] == 2
    assert counters["batch_readings_submitted"] == 3


async def test_rate_limit_counts_requests_of_a_key(store: Store, settings: object) -> None:
    settings.RATE_LIMIT = (2, 60)  # type: ignore[attr-defined]
    receipt = await store.log.append([reading(1)], key_id="k1")
    await store.log.append([reading(2)], key_id="k1")

    with pytest.raises(RateLimited) as caught:
        await store.log.append([reading(3)], key_id="k1")

    assert receipt.remaining == 1
    assert caught.value.status == 429
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60
    assert (await store.log.append([reading(3)], key_id="k2")).outcomes == (A,)


async def test_full_log_refuses_and_loses_nothing(store: Store, settings: object) -> None:
    settings.MAX_LOG_ENTRIES = 2  # type: ignore[attr-defined]
    await store.log.append([reading(1)])
    await store.log.append([reading(2)])

    with pytest.raises(LogFull):
        await store.log.append([reading(3)])

    assert await store.log.length() == 2


async def test_lease_is_held_by_one_token(store: Store) -> None:
    assert await store.leases.acquire("history", "a", seconds=10)
    assert not await store.leases.acquire("history", "b", seconds=10)
    assert await store.leases.renew("history", "a", seconds=10)
    assert not await store.leases.renew("history", "b", seconds=10)

    await store.leases.release("history", "b")
    assert not await store.leases.acquire("history", "b", seconds=10)
    await store.leases.release("history", "a")
    assert await store.leases.acquire("history", "b", seconds=10)


async def test_watched_forgets_what_is_over(store: Store) -> None:
    await store.audience.watch(["CNC-001"], until_us=NOW)
    await store.audience.watch(["MIL-002", "*"], until_us=NOW + SECOND_US)

    assert (await audience(store, now_us=NOW + 1000)).watched == {"MIL-002", "*"}


async def test_scopes_are_kept_as_long_as_their_topics(store: Store) -> None:
    topics, scopes = ["*a", "*b", "CNC-001"], {"a": '[["North","",""]]', "b": '[["South","",""]]'}

    await store.audience.watch(topics, until_us=NOW + SECOND_US, scopes=scopes)

    assert await store.audience.scope_texts(["b", "c", "a"]) == [scopes["b"], "", scopes["a"]]
    assert (await audience(store, now_us=NOW)).watched == set(topics)
    client = make_client(settings.REDIS_URL)
    assert 0 < await client.ttl(keys.scope("a")) <= 60
    await client.aclose()


async def test_audience_without_the_right_to_ask_for_listeners_is_who_watches() -> None:
    refused = RedisError("NOPERM this user has no permissions to run the 'pubsub' command")

    decode = AudienceDecoder()

    assert decode([b"CNC-001"], refused, refused) == Audience(frozenset({"CNC-001"}))
    with pytest.raises(RedisError):
        decode(refused, [], 0)


def test_audience_is_decoded_anew_when_it_changed() -> None:
    decode = AudienceDecoder()

    names = [[b"CNC-001"], [b"CNC-001"], [b"MIL-002", b"CNC-001"], []]
    found = [decode(watched, [], 0).watched for watched in names]

    assert found == [{"CNC-001"}, {"CNC-001"}, {"CNC-001", "MIL-002"}, set()]


async def test_entries_are_read_with_what_is_true_after_them(store: Store) -> None:
    reading_on = asyncio.create_task(store.log.read_with_epoch(START, count=10, reader="history"))
    for_whom = asyncio.create_task(
        store.log.read_with_audience(START, count=10, wait=True, now_us=NOW)
    )
    await asyncio.sleep(0.05)

    await store.audience.watch(["CNC-001"], until_us=NOW + 60 * SECOND_US)
    receipt = await store.log.append([reading()])

    entries, epoch = await reading_on
    same, same_epoch, audience = await for_whom
    assert [entry.position for entry in entries] == [receipt.position]
    assert same == entries
    assert epoch == same_epoch == await store.log.epoch()
    assert audience.watched == {"CNC-001"}


async def test_wait_stored_follows_the_mark(store: Store) -> None:
    await store.progress.mark("history", "e", "10-2")

    assert await store.progress.wait_stored("10-2", seconds=0.5)
    assert not await store.progress.wait_stored("10-10", seconds=0.02)


async def test_who_waits_for_a_row_is_heard_of(store: Store) -> None:
    before = await store.progress.is_flush_requested(within=0.01)
    hearing = asyncio.create_task(store.progress.is_flush_requested(within=5))
    await asyncio.gather(*(store.progress.wait_stored("10-2", seconds=0.05) for _ in range(3)))

    assert not before
    assert await asyncio.wait_for(hearing, 1)
    # Three asked and one was heard; no more than one of the others is kept.
    await store.progress.is_flush_requested(within=0.01)
    assert not await store.progress.is_flush_requested(within=0.01)


class Model:
    """What the log must make of requests, with dictionaries."""

    def __init__(self) -> None:
        self.taken: dict[str, LiveReading] = {}
        self.latest: dict[tuple[str, str], LiveReading] = {}

    def append(
        self, readings: list[LiveReading], *, partial: bool
    ) -> tuple[list[Outcome], list[LiveReading]]:
        """The outcomes, and the readings that are logged."""
        outcomes, taken, logged = [], dict(self.taken), []
        for one in readings:
            known = taken.setdefault(one.id, one)
            same = (known.value, known.quality) == (one.value, one.quality)
            outcomes.append(A if known is one else D if same else C)
        if C in outcomes and not partial:
            return outcomes, []
        self.taken = taken
        for at, one in enumerate(readings):
            if outcomes[at] is not A:
                continue
            latest = self.latest.get((one.machine_id, one.sensor_type))
            if latest and one.effective_at < latest.effective_at:
                outcomes[at] = L
            else:
                self.latest[one.machine_id, one.sensor_type] = one
            logged.append(msgspec.structs.replace(one, late=outcomes[at] is L))
        return outcomes, logged


# Two machines and sensors, moments of two buckets, most in the order in which devices send them;
# some received before others, some stamped with a time yet to come.
moments = st.one_of(st.integers(0, 9), st.integers(0, 240))
sent = st.builds(
    lambda machine, sensor, second, value, received: reading(
        second,
        value,
        machine_id=machine,
        sensor_type=sensor,
        received_at=NOW + received * SECOND_US,
    ),
    st.sampled_from(["CNC-001", "CNC-001", "MIL-002"]),
    st.sampled_from(["temperature", "pressure.inlet"]),
    moments,
    st.sampled_from([1.0, 1.0, 2.0, None]),
    st.sampled_from([300, 300, 300, 5]),
)
as_devices_send = st.lists(sent, min_size=1, max_size=12, unique_by=lambda one: one.id).map(
    lambda readings: sorted(readings, key=lambda one: one.measured_at)
)
requests = st.tuples(
    st.one_of(as_devices_send, st.lists(sent, min_size=1, max_size=12)), st.booleans()
)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=st.lists(requests, min_size=1, max_size=5))
async def test_append_agrees_with_a_dictionary(
    fresh_store: AsyncIterator[Store], sent: list[tuple[list[LiveReading], bool]]
) -> None:
    store: Store = await fresh_store()  # type: ignore[operator]
    model, logged = Model(), []

    for readings, partial in sent:
        receipt = await store.log.append(readings, partial=partial)
        outcomes, rows = model.append(readings, partial=partial)
        logged += rows
        assert list(receipt.outcomes) == outcomes
        assert (receipt.position is None) == (not rows)

    entries = await store.log.read(START, count=100)
    snapshots = await store.latest.snapshots(["CNC-001", "MIL-002"])
    for machine, snapshot in zip(["CNC-001", "MIL-002"], snapshots, strict=True):
        own = [entry for entry in entries if entry.machine_id == machine]
        assert [entry.previous for entry in own] == [START, *(e.position for e in own)][: len(own)]
        assert [one for entry in own for one in entry.readings()] == [
            one for one in logged if one.machine_id == machine
        ]
        assert sorted(one.id for one in snapshot.readings) == sorted(
            one.id for one in model.latest.values() if one.machine_id == machine
        )
        assert snapshot.position == (own[-1].position if own else START)
