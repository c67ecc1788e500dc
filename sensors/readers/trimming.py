"""Trimming of the log: entries that every durable reader has handled, and that are old."""

from collections.abc import Mapping
from typing import NamedTuple

import structlog
from django.conf import settings

from sensors.event_loop import PerLoop
from sensors.messages import START, position_key
from sensors.metrics import TRIMMING_HELD_SECONDS
from sensors.readers.registry import durable_readers
from sensors.store.store import Store
from sensors.timestamps import SECOND_US, format_us

log = structlog.get_logger(__name__)

# Share of MAX_LOG_ENTRIES above which the log keeps less than RECENT_SECONDS.
FULL = 0.8


class Hold(NamedTuple):
    """A reader that holds trimming back beyond RECENT_SECONDS.

    `since_us` is when the first entry that it has not handled was logged.
    """

    reader: str
    since_us: int


def slowest(epoch: str, marks: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Return the reader with the lowest position in this epoch, and the position.

    A reader without a mark in this epoch has handled nothing of it.
    """
    handled = {
        reader: position if marked_epoch == epoch else START
        for reader, (marked_epoch, position) in marks.items()
    }
    return min(handled.items(), key=lambda item: position_key(item[1]))


def hold(reader: str, unread: str | None, *, now_us: int) -> Hold | None:
    """Return the hold of the slowest reader, whose first entry not yet handled is `unread`."""
    if unread is None:
        return None
    since_us = position_key(unread)[0] * 1000
    is_old = since_us < now_us - settings.RECENT_SECONDS * SECOND_US
    return Hold(reader, since_us) if is_old else None


def trim_position(handled: str, *, oldest: str, length: int, now_us: int) -> str:
    """Return the position before which no entry is needed.

    Entries before it are handled by every durable reader and older than RECENT_SECONDS. When the
    log is fuller than FULL of MAX_LOG_ENTRIES the time kept shrinks in proportion, taken from the
    time that the log spans; an entry that is not handled always stays.
    """
    now_ms = now_us // 1000
    kept_ms = settings.RECENT_SECONDS * 1000
    allowed = FULL * settings.MAX_LOG_ENTRIES
    if length > allowed:
        spanned_ms = now_ms - position_key(oldest)[0]
        kept_ms = min(kept_ms, int(spanned_ms * allowed / length))
    return min(handled, f"{now_ms - max(0, kept_ms)}-0", key=position_key)


async def trim(store: Store, *, now_us: int) -> bool:
    """Trim the log, show a reader that holds this back; return whether the log is too full.

    Raises LogUnavailable.
    """
    readers = durable_readers()
    epoch, marks = await store.progress.marks(readers)
    reader, handled = slowest(epoch, dict(zip(readers, marks, strict=True)))
    unread = await store.log.read(handled, count=1)
    _holds().show(hold(reader, unread[0].position if unread else None, now_us=now_us), now_us)
    oldest = await store.log.read(START, count=1)
    if not oldest:
        return False
    length = await store.log.length()
    first = oldest[0].position
    await store.log.trim(trim_position(handled, oldest=first, length=length, now_us=now_us))
    return length > FULL * settings.MAX_LOG_ENTRIES


class _Holds:
    """The hold that the durable readers of one event loop have shown last."""

    def __init__(self) -> None:
        self._reader: str | None = None

    def show(self, hold: Hold | None, now_us: int) -> None:
        """Set the gauges; log a change."""
        for reader in durable_readers():
            is_held = hold is not None and hold.reader == reader
            seconds = (now_us - hold.since_us) / SECOND_US if hold and is_held else 0.0
            TRIMMING_HELD_SECONDS.labels(reader).set(seconds)
        holder = hold.reader if hold else None
        if holder == self._reader:
            return
        self._reader = holder
        if hold:
            log.warning("trimming_held_back", reader=hold.reader, since=format_us(hold.since_us))
        else:
            log.info("trimming_resumed")


_holds: PerLoop[_Holds] = PerLoop(_Holds)
