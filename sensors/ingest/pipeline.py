"""The one door into the twin: HTTP, simulator, import and replay all come through here."""

from collections.abc import Sequence

from django.conf import settings

from sensors.enums import Verdict
from sensors.exceptions import ConflictingDuplicate, FieldError, LogUnavailable
from sensors.messages import LiveReading, Receipt
from sensors.metrics import READINGS
from sensors.store.store import get_store

STORED_SECONDS = 1.5


async def ingest(
    readings: Sequence[LiveReading], *, key_id: str = "", partial: bool = False
) -> Receipt:
    """Log the readings, all or none (`partial`: all that do not conflict); durable on return.

    Raises ConflictingDuplicate, RateLimited, LogFull or LogUnavailable.
    """
    receipt = await get_store().append(readings, key_id=key_id, partial=partial)
    if Verdict.CONFLICT in receipt.verdicts and not partial:
        conflicts = [at for at, one in enumerate(receipt.verdicts) if one is Verdict.CONFLICT]
        READINGS.labels(Verdict.CONFLICT).inc(len(conflicts))
        raise ConflictingDuplicate([conflict(readings[at], index=at) for at in conflicts])
    for verdict in set(receipt.verdicts):
        READINGS.labels(verdict).inc(receipt.verdicts.count(verdict))
    return receipt


async def is_stored(receipt: Receipt, *, wanted: bool) -> bool:
    """Whether the database has all that the receipt promises, within 1.5 s.

    True at once unless the device wanted to know, or the log is in memory only: then nothing
    else promises, and it raises LogUnavailable when the time is over.
    """
    store = get_store()
    if not wanted and not store.in_memory:
        return True
    # All were taken before: whatever the log held by now includes them.
    position = receipt.position or await store.last_position()
    stored = await store.wait_stored(position, seconds=STORED_SECONDS)
    if not stored and store.in_memory:
        raise LogUnavailable("The database did not store the readings in time; send them again.")
    return stored


def conflict(reading: LiveReading, *, index: int | None) -> FieldError:
    return FieldError(
        "timestamp",
        "conflicting-duplicate",
        f"{reading.id} was accepted in the last {settings.RECENT_SECONDS} s"
        " with another value or quality.",
        index,
    )
