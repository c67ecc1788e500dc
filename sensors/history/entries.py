"""Entries of the log into rows: a poisonous one never stops those behind it."""

from collections.abc import Iterator, Sequence

import msgspec
import structlog

from sensors.history import partitions
from sensors.history.writer import DATA_ERRORS, Written, dead_letter, write
from sensors.messages import LiveReading, LogEntry, unpack
from sensors.models import DeadLetter

log = structlog.get_logger(__name__)

KIND = "readings"
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])


def batches(entries: Sequence[LogEntry], *, most_rows: int) -> Iterator[list[LogEntry]]:
    """Whole entries in log order, at most so many readings together, at least one entry."""
    batch: list[LogEntry] = []
    rows = 0
    for entry in entries:
        if batch and rows + entry.count > most_rows:
            yield batch
            batch, rows = [], 0
        batch.append(entry)
        rows += entry.count
    if batch:
        yield batch


def store_entries(entries: Sequence[LogEntry], *, epoch: str, start: str) -> Written:
    """Store the readings of these entries; `start` is the position before the first.

    Bisects when the database refuses a row: each part moves the saved position with it. Raises
    LeaseLost, or a database error that is not the rows' fault.
    """
    rows, letters = _decode(entries, epoch)
    end = entries[-1].position
    try:
        written = write(rows, epoch=epoch, start=start, end=end, letters=letters)
    except DATA_ERRORS as exc:
        log.warning("rows_refused", entries=len(entries), position=end, error=str(exc))
        partitions.forget()
    else:
        _report(written, epoch, end)
        return written
    if len(entries) > 1:
        half = len(entries) // 2
        first, second = entries[:half], entries[half:]
        stored = store_entries(first, epoch=epoch, start=start)
        return stored + store_entries(second, epoch=epoch, start=first[-1].position)
    written = write(rows, epoch=epoch, start=start, end=end, letters=letters, salvage=True)
    _report(written, epoch, end)
    return written


def _report(written: Written, epoch: str, position: str) -> None:
    if written.conflicts:
        log.warning("conflicts_kept", epoch=epoch, position=position, count=written.conflicts)
    if written.dead:
        log.error("dead_letters_kept", epoch=epoch, position=position, count=written.dead)


def _decode(entries: Sequence[LogEntry], epoch: str) -> tuple[list[LiveReading], list[DeadLetter]]:
    rows: list[LiveReading] = []
    letters: list[DeadLetter] = []
    for entry in entries:
        if entry.kind != KIND:
            continue
        try:
            rows += entry.readings()
        except (msgspec.DecodeError, ValueError):
            _decode_one_by_one(entry, epoch, rows, letters)
    return rows, letters


def _decode_one_by_one(
    entry: LogEntry, epoch: str, rows: list[LiveReading], letters: list[DeadLetter]
) -> None:
    try:
        parts: list[bytes] = [bytes(part) for part in _PARTS.decode(entry.payload)]
    except (msgspec.DecodeError, ValueError):
        parts = [entry.payload]
    for part in parts:
        try:
            rows.append(unpack(part))
        except (msgspec.DecodeError, ValueError) as exc:
            letters.append(dead_letter(epoch, entry.position, entry.machine_id, part, str(exc)))
