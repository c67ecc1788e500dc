"""The log keeps entries that a durable reader needs, and RECENT_SECONDS while there is room."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from sensors.history.tests.rows import make_reading
from sensors.messages import START, position_key
from sensors.metrics import TRIMMING_HELD_SECONDS
from sensors.readers.registry import READERS
from sensors.readers.tests.readers import TALLY, at_work, marked
from sensors.readers.trimming import Hold, hold, slowest, trim, trim_position
from sensors.store.store import Store
from sensors.timestamps import SECOND_US, format_us

NOW_MS = 1_795_435_200_000
NOW_US = NOW_MS * 1000


def before(seconds: float) -> str:
    return f"{NOW_MS - round(seconds * 1000)}-0"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.RECENT_SECONDS = 900
    settings.MAX_LOG_ENTRIES = 1000


@pytest.mark.parametrize(
    ("handled", "oldest", "length", "expected"),
    [
        (before(1), before(3600), 10, before(900)),  # all handled: RECENT_SECONDS stay
        (before(1), before(100), 10, before(900)),
        (before(2000), before(3600), 10, before(2000)),  # an unhandled entry stays
        (START, before(3600), 999, START),
        (before(1), before(3600), 800, before(900)),  # 80 % is not yet too full
        (before(1), before(900), 1000, before(720)),  # in proportion to the time it spans
        (before(1), before(400), 1000, before(320)),
        (before(1), before(400), 1600, before(200)),
        (before(1), before(3600), 900, before(900)),
        (before(300), before(400), 1600, before(300)),  # never beyond handled
        (before(1), f"{NOW_MS + 5000}-0", 1000, before(1)),  # a log from the future
    ],
)
def test_trim_position_is_handled_and_old_enough(
    handled: str, oldest: str, length: int, expected: str
) -> None:
    assert trim_position(handled, oldest=oldest, length=length, now_us=NOW_US) == expected


def test_trim_position_compares_sequences_as_numbers() -> None:
    ninth, tenth = f"{NOW_MS - 1_000_000}-9", f"{NOW_MS - 1_000_000}-10"

    assert trim_position(ninth, oldest=ninth, length=1, now_us=NOW_US) == ninth
    assert trim_position(tenth, oldest=ninth, length=1, now_us=NOW_US) == tenth


def test_trim_position_in_turns_brings_a_full_log_below_the_limit() -> None:
    """Nine tenths came in the last twentieth of the time: the proportion is taken again."""
    entries = [NOW_MS - 900_000 + 9000 * i for i in range(100)]
    entries += [NOW_MS - 45_000 + 50 * i for i in range(900)]

    for turn in range(20):  # noqa: B007
        if len(entries) <= 800:
            break
        oldest = f"{entries[0]}-0"
        end = trim_position(before(0), oldest=oldest, length=len(entries), now_us=NOW_US)
        entries = [entry for entry in entries if (entry, 0) >= position_key(end)]

    assert 0 < turn < 19
    assert 600 < len(entries) <= 800


MARK = ("log", before(60))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (("log", before(30)), ("history", before(60))),  # it is further
        (("log", before(61)), ("other", before(61))),  # it lags
        (("", START), ("other", START)),  # it never started
        (("old", before(1)), ("other", START)),  # it is of another epoch
    ],
)
def test_slowest_reader_has_the_lowest_position_in_this_epoch(
    other: tuple[str, str], expected: tuple[str, str]
) -> None:
    assert slowest("log", {"history": MARK, "other": other}) == expected


@pytest.mark.parametrize(
    ("unread", "is_held"),
    [(None, False), (before(899), False), (before(900), False), (before(901), True)],
)
def test_hold_is_an_unhandled_entry_older_than_recent_seconds(
    unread: str | None, is_held: bool
) -> None:
    expected = Hold("other", NOW_US - 901 * SECOND_US) if is_held else None

    assert hold("other", unread, now_us=NOW_US) == expected


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> str:
    """A third reader is registered, which is durable."""
    monkeypatch.setitem(READERS, TALLY.name, TALLY)
    return TALLY.name


async def logged(store: Store, number: int) -> list[str]:
    """Return the positions of so many entries, each of a millisecond of its own."""
    positions: list[str] = []
    for second in range(number):
        receipt = await store.log.append([make_reading(second)])
        positions.append(receipt.position or "")
        await asyncio.sleep(0.002)
    return positions


def later(position: str) -> int:
    """Return an hour after the entry at this position, in microseconds."""
    return (position_key(position)[0] + 3_600_000) * 1000


async def left(store: Store) -> list[str]:
    return [entry.position for entry in await store.log.read(START, count=10)]


async def test_trim_drops_what_is_handled_and_old(store: Store) -> None:
    positions = await logged(store, 4)
    await store.progress.mark("history", await store.log.epoch(), positions[1])

    assert not await trim(store, now_us=later(positions[-1]))

    assert await left(store) == positions[1:]


async def test_trim_keeps_what_is_recent(store: Store) -> None:
    [position] = await logged(store, 1)
    await store.progress.mark("history", await store.log.epoch(), position)

    assert not await trim(store, now_us=position_key(position)[0] * 1000)

    assert await store.log.length() == 1


async def test_trim_of_a_full_log_reports_it_and_loses_no_unhandled_entry(
    store: Store, settings: Any
) -> None:
    settings.MAX_LOG_ENTRIES = 4
    positions = await logged(store, 4)

    assert await trim(store, now_us=later(positions[-1]))
    assert await store.log.length() == 4

    await store.progress.mark("history", await store.log.epoch(), positions[-1])
    await trim(store, now_us=later(positions[-1]))
    assert await store.log.length() == 1


async def test_trim_of_an_empty_log_does_nothing(store: Store) -> None:
    assert not await trim(store, now_us=NOW_US)


@pytest.mark.parametrize("max_entries", [1000, 5])
@pytest.mark.parametrize(
    ("mark", "expected"), [("none", 0), ("other epoch", 0), ("second", 1), ("last", 3)]
)
async def test_log_is_trimmed_at_the_slowest_durable_reader(
    store: Store, settings: Any, tally: str, mark: str, expected: int, max_entries: int
) -> None:
    """Also in a log that is too full."""
    settings.MAX_LOG_ENTRIES = max_entries
    positions = await logged(store, 5)
    epoch = await store.log.epoch()
    await store.progress.mark("history", epoch, positions[3])
    # A reader that is not durable holds no entry.
    await store.progress.mark("broadcast", epoch, positions[0])
    marks = {
        "other epoch": ("old", positions[-1]),
        "second": (epoch, positions[1]),
        "last": (epoch, positions[-1]),
    }
    if mark in marks:
        await store.progress.mark(tally, *marks[mark])

    await trim(store, now_us=later(positions[-1]))

    assert await left(store) == positions[expected:]


async def test_reader_that_never_started_holds_the_log_and_is_logged_once(
    store: Store, tally: str
) -> None:
    held = TRIMMING_HELD_SECONDS.labels(tally)._value
    positions = await logged(store, 3)
    epoch, now = await store.log.epoch(), later(positions[0])
    await store.progress.mark("history", epoch, positions[-1])

    with capture_logs() as events:
        for seconds in range(3):
            await trim(store, now_us=now + seconds * SECOND_US)
        shown = held.get()
        await store.progress.mark(tally, epoch, positions[-1])
        for _ in range(2):
            await trim(store, now_us=now)

    since = format_us(position_key(positions[0])[0] * 1000)
    assert [(event["event"], event.get("reader"), event.get("since")) for event in events] == [
        ("trimming_held_back", tally, since),
        ("trimming_resumed", None, None),
    ]
    assert shown == 3602
    assert held.get() == 0
    assert await left(store) == positions[-1:]


@pytest.mark.django_db(transaction=True)
async def test_history_at_work_keeps_the_entries_that_another_durable_reader_needs(
    store: Store, tally: str, settings: Any
) -> None:
    settings.RECENT_SECONDS = 0
    handled: list[str] = []
    positions = await logged(store, 3)
    async with at_work("history", store, []) as history:
        await marked("history", store, positions[-1])
        await history.bookkeeping()
        before = await left(store)
        async with at_work(tally, store, handled) as reader:
            await marked(tally, store, positions[-1])
            await reader.bookkeeping()

    assert before == handled == positions
    assert await left(store) == positions[-1:]
