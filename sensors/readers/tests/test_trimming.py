"""What the log keeps: everything not stored, and RECENT_SECONDS as long as there is room."""

from typing import Any

import pytest

from sensors.history.tests.rows import make_reading
from sensors.messages import START, position_key
from sensors.readers.trimming import trim, trim_position
from sensors.store.store import Store

NOW_MS = 1_795_435_200_000
NOW_US = NOW_MS * 1000


def before(seconds: float) -> str:
    return f"{NOW_MS - round(seconds * 1000)}-0"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.RECENT_SECONDS = 900
    settings.MAX_LOG_ENTRIES = 1000


@pytest.mark.parametrize(
    ("stored", "oldest", "length", "expected"),
    [
        (before(1), before(3600), 10, before(900)),  # all stored: RECENT_SECONDS stay
        (before(1), before(100), 10, before(900)),
        (before(2000), before(3600), 10, before(2000)),  # what is not stored stays
        (START, before(3600), 999, START),
        (before(1), before(3600), 800, before(900)),  # 80 % is not yet too full
        (before(1), before(900), 1000, before(720)),  # in proportion to the time it spans
        (before(1), before(400), 1000, before(320)),
        (before(1), before(400), 1600, before(200)),
        (before(1), before(3600), 900, before(900)),
        (before(300), before(400), 1600, before(300)),  # never beyond stored
        (before(1), f"{NOW_MS + 5000}-0", 1000, before(1)),  # a log from the future
    ],
)
def test_trim_position_is_stored_and_old_enough(
    stored: str, oldest: str, length: int, expected: str
) -> None:
    assert trim_position(stored, oldest=oldest, length=length, now_us=NOW_US) == expected


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
        at = trim_position(before(0), oldest=f"{entries[0]}-0", length=len(entries), now_us=NOW_US)
        entries = [entry for entry in entries if (entry, 0) >= position_key(at)]

    assert 0 < turn < 19
    assert 600 < len(entries) <= 800


async def test_trim_drops_what_is_stored_and_old(store: Store, settings: Any) -> None:
    positions = []
    for second in range(4):
        receipt = await store.append([make_reading(second)])
        positions.append(receipt.position or "")
    much_later = (position_key(positions[-1])[0] + 3_600_000) * 1000

    is_full = await trim(store, positions[1], now_us=much_later)

    entries = await store.read(START, count=10)
    assert [entry.position for entry in entries] == positions[1:]
    assert not is_full


async def test_trim_keeps_what_is_recent(store: Store) -> None:
    receipt = await store.append([make_reading(1)])
    last = receipt.position or ""

    assert not await trim(store, last, now_us=position_key(last)[0] * 1000)

    assert await store.length() == 1


async def test_trim_of_a_full_log_says_so_and_loses_nothing_unstored(
    store: Store, settings: Any
) -> None:
    settings.MAX_LOG_ENTRIES = 4
    for second in range(4):
        await store.append([make_reading(second)])
    last = await store.last_position()
    much_later = (position_key(last)[0] + 3_600_000) * 1000

    assert await trim(store, START, now_us=much_later)
    assert await store.length() == 4

    await trim(store, last, now_us=much_later)
    assert await store.length() == 1


async def test_trim_of_an_empty_log_does_nothing(store: Store) -> None:
    assert not await trim(store, START, now_us=NOW_US)
