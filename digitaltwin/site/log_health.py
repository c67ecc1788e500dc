"""The log's part of the health report: its size, its readers, and a reader that holds it."""

from typing import Any

from django.conf import settings

from sensors.messages import START, position_key
from sensors.readers.lag import Lag, consumer_lag
from sensors.readers.registry import READERS, durable_readers
from sensors.readers.trimming import Hold, hold, slowest
from sensors.store import keys
from sensors.store.sync import LogState, SyncStore, get_sync_store
from sensors.timestamps import format_us, now_us

# The broadcast reader marks its position once a second; more than two behind it is delayed.
SLOW_BROADCAST_SECONDS = 3.0


def reach_redis() -> dict[str, Any]:
    """Ask Redis for a key. Raises LogUnavailable."""
    get_sync_store().stored()
    return {}


def check_log() -> dict[str, Any]:
    """Return the checks `log`, `readers` and `broadcast`, `counters` and `is_volatile`.

    Raises LogUnavailable.
    """
    store, now = get_sync_store(), now_us()
    state = store.log_state(list(READERS))
    lags = {reader: _lag(store, state, reader, now) for reader in READERS}
    durable = [lags[reader] for reader in durable_readers()]
    held = _hold(store, state, now)
    is_delayed = lags[keys.BROADCAST_READER].seconds > SLOW_BROADCAST_SECONDS
    return {
        "log": {
            "entries": state.entries,
            "lag_entries": max(lag.entries for lag in durable),
            "lag_seconds": round(max(lag.seconds for lag in durable), 3),
            "durable": state.is_durable,
            "held_by": held and held.reader,
            "held_since": held and format_us(held.since_us),
        },
        "readers": {
            reader: {"lag_entries": lag.entries, "lag_seconds": round(lag.seconds, 3)}
            for reader, lag in lags.items()
        },
        "broadcast": "delayed" if is_delayed else "ok",
        # In memory by design every answer waits for the database; by mistake none does.
        "is_volatile": not state.is_durable and not store.in_memory,
        "counters": store.counters(),
    }


def _lag(store: SyncStore, state: LogState, reader: str, now: int) -> Lag:
    position = _handled(state, reader)
    if not READERS[reader].is_durable:
        # It skips entries older than this, so none of them is late.
        recent = f"{max(0, now // 1000 - settings.RECENT_SECONDS * 1000)}-0"
        position = max(position, recent, key=position_key)
    return consumer_lag(
        _first_unread(store, state, position),
        oldest=state.oldest,
        newest=state.newest,
        length=state.entries,
        now_us=now,
    )


def _hold(store: SyncStore, state: LogState, now: int) -> Hold | None:
    marks = {reader: state.marks[reader] for reader in durable_readers()}
    reader, position = slowest(state.epoch, marks)
    return hold(reader, _first_unread(store, state, position), now_us=now)


def _handled(state: LogState, reader: str) -> str:
    """Return the position up to which the reader has handled this log."""
    return slowest(state.epoch, {reader: state.marks[reader]})[1]


def _first_unread(store: SyncStore, state: LogState, position: str) -> str | None:
    """Return the position of the first entry after this one, of those that `state` counts."""
    if position_key(position) >= position_key(state.newest):
        return None
    if position == START:
        return state.oldest
    return store.first_after(position)
