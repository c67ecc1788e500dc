"""Entries of the log into rows: a malformed entry never stops the entries behind it."""

from collections.abc import Sequence

import msgspec
import structlog

from sensors.history import partitions
from sensors.history.writer import DATA_ERRORS, Written, dead_letter, write
from sensors.messages import LiveReading, LogEntry, unpack
from sensors.models import DeadLetter

log = structlog.get_logger(__name__)

KIND = "readings"
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])


def store_entries(entries: Sequence[LogEntry], *, epoch: str, start: str) -> Written:
    """Store the readings of these entries; `start` is the position before the first.

    Bisects when the database refuses a row: each part moves the saved position with it. Raises
    LeaseLost, or a database error that is not the rows' fault.
    """
    rows, dead_letters = _decode(entries, epoch)
    end = entries[-1].position
    try:
        written = write(rows, epoch=epoch, start=start, end=end, dead_letters=dead_letters)
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
    written = write(
        rows, epoch=epoch, start=start, end=end, dead_letters=dead_letters, salvage=True
    )
    _report(written, epoch, end)
    return written


def _report(written: Written, epoch: str, position: str) -> None:
    if written.conflicts:
        log.warning("conflicts_kept", epoch=epoch, position=position, count=written.conflicts)
    if written.dead:
        log.error("dead_letters_kept", epoch=epoch, position=position, count=written.dead)


def _decode(entries: Sequence[LogEntry], epoch: str) -> tuple[list[LiveReading], list[DeadLetter]]:
    rows: list[LiveReading] = []
    dead_letters: list[DeadLetter] = []
    for entry in entries:
        if entry.kind != KIND:
            continue
        try:
            rows += entry.readings()
        except (msgspec.DecodeError, ValueError):
            _decode_each(entry, epoch, rows, dead_letters)
    return rows, dead_letters


def _decode_each(
    entry: LogEntry, epoch: str, rows: list[LiveReading], dead_letters: list[DeadLetter]
) -> None:
    """Decode the readings of a malformed entry one after the other."""
    try:
        parts: list[bytes] = [bytes(part) for part in _PARTS.decode(entry.payload)]
    except (msgspec.DecodeError, ValueError):
        parts = [entry.payload]
    for part in parts:
        try:
            rows.append(unpack(part))
        except (msgspec.DecodeError, ValueError) as exc:
            letter = dead_letter(epoch, entry.position, entry.machine_id, part, str(exc))
            dead_letters.append(letter)
