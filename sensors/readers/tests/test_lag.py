"""How far a reader is behind the log."""

import pytest

from sensors.history.tests.rows import make_reading
from sensors.messages import START
from sensors.metrics import READER_LAG_ENTRIES
from sensors.readers.lag import Lag, consumer_lag, show_lag
from sensors.readers.tests.test_trimming import NOW_US, before
from sensors.store.store import Store
from sensors.timestamps import now_us


@pytest.mark.parametrize(
    ("unread", "expected"),
    [(None, Lag(0, 0.0)), (before(50), Lag(50, 50.0)), (before(0), Lag(1, 0.0))],
)
def test_lag_counts_from_the_first_unread_entry(unread: str | None, expected: Lag) -> None:
    lag = consumer_lag(unread, oldest=before(100), newest=before(0), length=100, now_us=NOW_US)

    assert lag == expected


async def test_lag_of_a_reader_is_shown(store: Store) -> None:
    for second in range(3):
        await store.log.append([make_reading(second)])
    last = await store.log.last_position()

    behind = await show_lag(store, "tester", START, now_us=now_us() + 5_000_000)
    shown = READER_LAG_ENTRIES.labels("tester")._value.get()
    caught_up = await show_lag(store, "tester", last, now_us=now_us())

    assert 1 <= behind.entries <= 3
    assert behind.seconds == pytest.approx(5, abs=1)
    assert shown == behind.entries
    assert caught_up == Lag(0, 0.0)
