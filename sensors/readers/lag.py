"""Consumer lag: how far a reader is behind the log."""

from typing import NamedTuple

from sensors.messages import START, position_key
from sensors.metrics import READER_LAG_ENTRIES, READER_LAG_SECONDS
from sensors.store.store import Store


class Lag(NamedTuple):
    """Entries that a reader has not handled, and the age of the oldest in seconds.

    `entries` is an estimate: the log does not number them.
    """

    entries: int
    seconds: float


NO_LAG = Lag(0, 0.0)


def consumer_lag(unread: str | None, *, oldest: str, newest: str, length: int, now_us: int) -> Lag:
    """Return the lag of a reader whose first entry not yet handled is `unread`, if any.

    `oldest` and `newest` are the positions between which the log holds `length` entries.
    """
    if unread is None:
        return NO_LAG
    oldest_ms, newest_ms, unread_ms = (position_key(each)[0] for each in (oldest, newest, unread))
    spanned_ms = newest_ms - oldest_ms
    share = (newest_ms - unread_ms) / spanned_ms if spanned_ms > 0 else 1.0
    seconds = max(0.0, now_us / 1_000_000 - unread_ms / 1000)
    return Lag(max(1, min(length, round(length * share))), seconds)


async def show_lag(store: Store, reader: str, position: str, *, now_us: int) -> Lag:
    """Measure the lag and set the reader's gauges. Raises LogUnavailable."""
    unread = await store.log.read(position, count=1)
    oldest = await store.log.read(START, count=1)
    lag = NO_LAG
    if unread and oldest:
        lag = consumer_lag(
            unread[0].position,
            oldest=oldest[0].position,
            newest=await store.log.last_position(),
            length=await store.log.length(),
            now_us=now_us,
        )
    _set_gauges(reader, lag)
    return lag


def clear_lag(reader: str) -> None:
    """Set the reader's gauges to 0: the process that takes its lease shows the lag from now on."""
    _set_gauges(reader, NO_LAG)


def _set_gauges(reader: str, lag: Lag) -> None:
    READER_LAG_ENTRIES.labels(reader).set(lag.entries)
    READER_LAG_SECONDS.labels(reader).set(lag.seconds)
