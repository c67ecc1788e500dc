"""How far a reader is behind the log."""

from typing import NamedTuple

from sensors.messages import START, position_key
from sensors.metrics import READER_LAG_ENTRIES, READER_LAG_SECONDS
from sensors.store.store import Store


class Lag(NamedTuple):
    """`entries` is an estimate: the log does not number them."""

    entries: int
    seconds: float


def lag(unread: str | None, *, oldest: str, newest: str, length: int, now_us: int) -> Lag:
    """How far behind: `unread` is the first entry not yet done, None when there is none."""
    if unread is None:
        return Lag(0, 0.0)
    first, last, here = (position_key(each)[0] for each in (oldest, newest, unread))
    share = (last - here) / (last - first) if last > first else 1.0
    waiting = max(0.0, now_us / 1_000_000 - here / 1000)
    return Lag(max(1, min(length, round(length * share))), waiting)


async def show_lag(store: Store, reader: str, position: str, *, now_us: int) -> Lag:
    """Measure it and put it into the reader's gauges. Raises LogUnavailable."""
    unread = await store.read(position, count=1)
    oldest = await store.read(START, count=1)
    behind = Lag(0, 0.0)
    if unread and oldest:
        behind = lag(
            unread[0].position,
            oldest=oldest[0].position,
            newest=await store.last_position(),
            length=await store.length(),
            now_us=now_us,
        )
    _show(reader, behind)
    return behind


def forget_lag(reader: str) -> None:
    """This process no longer does the reader's work: whoever takes over says how it stands."""
    _show(reader, Lag(0, 0.0))


def _show(reader: str, behind: Lag) -> None:
    READER_LAG_ENTRIES.labels(reader).set(behind.entries)
    READER_LAG_SECONDS.labels(reader).set(behind.seconds)
