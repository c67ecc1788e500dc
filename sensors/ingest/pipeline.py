"""The path of the readings of one request, the same for every door.

A door turns bytes into a call of `take_readings`, and the receipt into its own answer.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

import msgspec
from django.conf import settings
from django.db import Error as DatabaseError

from sensors.access.device_authentication import device_key
from sensors.catalogue.cache import Catalogue, get_catalogue
from sensors.catalogue.descriptions import CatalogueSnapshot, KeyDescription
from sensors.enums import Outcome
from sensors.exceptions import (
    Busy,
    ConflictingDuplicate,
    FieldError,
    InvalidReadings,
    LogUnavailable,
)
from sensors.ingest.admission import Admitted, admit
from sensors.ingest.receipts import IngestReceipt
from sensors.ingest.refusals import CONFLICTING, record_refusal
from sensors.ingest.serializers import parse_batch, parse_single
from sensors.messages import LiveReading, Receipt
from sensors.metrics import INGEST_SECONDS, READINGS
from sensors.store.store import get_store
from sensors.timestamps import now_us

STORED_SECONDS = 1.5


class IngestOptions(msgspec.Struct, frozen=True):
    """Wait for the database before answering; take the good readings without the bad."""

    ack_stored: bool = False
    partial: bool = False


ReadContent = Callable[[], Awaitable[tuple[bytes, IngestOptions]]]


async def take_readings(
    authorization: str, read_content: ReadContent, *, is_batch: bool
) -> IngestReceipt:
    """Authenticate, parse, admit, append and wait; the readings are durable on return.

    `authorization` is `Bearer dt_<prefix>.<secret>`. `read_content` returns the JSON body and the
    options; it is called only for a valid device key and may raise SensorsError. Whatever is
    raised has been counted and logged: SensorsError for every refusal, anything else is a bug.
    """
    key_prefix = ""
    try:
        catalogue = get_catalogue()
        snapshot = catalogue.snapshot or await _first_snapshot(catalogue)
        key = device_key(authorization, snapshot, now_us=now_us())
        key_prefix = key.prefix
        catalogue.note_use(key.id)
        body, options = await read_content()
        with INGEST_SECONDS.time(), _InFlight():
            return await _take(body, key, snapshot, options, is_batch=is_batch)
    except DatabaseError as exc:
        refusal = LogUnavailable("The sensor could not be registered; send the readings again.")
        record_refusal(refusal, key_prefix=key_prefix)
        raise refusal from exc
    except Exception as exc:
        if isinstance(exc, InvalidReadings) and not is_batch:
            exc.errors = [msgspec.structs.replace(error, index=None) for error in exc.errors]
        record_refusal(exc, key_prefix=key_prefix)
        raise


async def _take(
    body: bytes,
    key: KeyDescription,
    snapshot: CatalogueSnapshot,
    options: IngestOptions,
    *,
    is_batch: bool,
) -> IngestReceipt:
    """Parse, admit, append and wait; a single reading is never partial."""
    received_at = now_us()
    parse, partial = (parse_batch, options.partial) if is_batch else (parse_single, False)
    parsed = parse(body, now_us=received_at)
    admitted = await admit(parsed, key, snapshot, received_at=received_at, partial=partial)
    refused = admitted.refused
    if not admitted.readings:
        raise _all_refused(refused)
    appended = await append(admitted.readings, key_id=str(key.id), partial=partial)
    stored = await is_stored(appended, wanted=options.ack_stored)
    if partial:
        refused = refused | _conflicting(admitted, appended)
        if len(refused) == len(set(admitted.indices) | refused.keys()):
            raise _all_refused(refused)
        READINGS.labels(Outcome.REFUSED).inc(len(admitted.refused))
    return IngestReceipt(
        admitted.indices, admitted.parsed, admitted.readings, refused, appended, stored
    )


async def append(
    readings: Sequence[LiveReading], *, key_id: str = "", partial: bool = False
) -> Receipt:
    """Log the readings, all or none (`partial`: all that do not conflict); durable on return.

    Raises ConflictingDuplicate, RateLimited, LogFull or LogUnavailable.
    """
    receipt = await get_store().log.append(readings, key_id=key_id, partial=partial)
    if Outcome.CONFLICT in receipt.outcomes and not partial:
        conflicts = [
            index for index, outcome in enumerate(receipt.outcomes) if outcome is Outcome.CONFLICT
        ]
        READINGS.labels(Outcome.CONFLICT).inc(len(conflicts))
        raise ConflictingDuplicate([_conflict(readings[index], index) for index in conflicts])
    for outcome in set(receipt.outcomes):
        READINGS.labels(outcome).inc(receipt.outcomes.count(outcome))
    return receipt


async def is_stored(receipt: Receipt, *, wanted: bool) -> bool:
    """Return whether the database has all that the receipt promises, within 1.5 s.

    True at once unless the device asked for it or the log is in memory only: then the database is
    the only promise, and LogUnavailable is raised when the time is over.
    """
    store = get_store()
    if not wanted and not store.in_memory:
        return True
    # Without a position all were taken before: they lie before the end of the log.
    position = receipt.position or await store.log.last_position()
    stored = await store.progress.wait_stored(position, seconds=STORED_SECONDS)
    if not stored and store.in_memory:
        raise LogUnavailable("The database did not store the readings in time; send them again.")
    return stored


def _conflicting(admitted: Admitted, appended: Receipt) -> dict[int, list[FieldError]]:
    """Return the errors of rows that the log holds with another value, by index."""
    if Outcome.CONFLICT not in appended.outcomes:
        return {}
    rows = zip(admitted.indices, admitted.readings, appended.outcomes, strict=True)
    return {
        index: [_conflict(reading, index)]
        for index, reading, outcome in rows
        if outcome is Outcome.CONFLICT
    }


def _conflict(reading: LiveReading, index: int) -> FieldError:
    return FieldError(
        "timestamp",
        CONFLICTING,
        f"{reading.id} was accepted in the last {settings.RECENT_SECONDS} s"
        " with another value or quality.",
        index,
    )


def _all_refused(refused: Mapping[int, list[FieldError]]) -> InvalidReadings:
    return InvalidReadings([error for index in sorted(refused) for error in refused[index]])


class _InFlight:
    """A place among at most MAX_IN_FLIGHT requests of this process. Raises Busy."""

    count: ClassVar[int] = 0

    def __enter__(self) -> None:
        if _InFlight.count >= settings.MAX_IN_FLIGHT:
            raise Busy
        _InFlight.count += 1

    def __exit__(self, *exc: object) -> None:
        _InFlight.count -= 1


async def _first_snapshot(catalogue: Catalogue) -> CatalogueSnapshot:
    try:
        return await catalogue.current()
    except DatabaseError as exc:
        raise LogUnavailable("The machines cannot be loaded; send the readings again.") from exc
