"""Saved positions of the durable readers, in the database beside the rows that they write."""

import structlog
from django.utils import timezone

from sensors.exceptions import LeaseLost
from sensors.messages import START
from sensors.models import ReaderPosition

log = structlog.get_logger(__name__)


def move(reader: str, *, start: tuple[str, str], end: tuple[str, str]) -> None:
    """Move the reader's saved (epoch, position) from `start` to `end`; call it in a transaction.

    Raises LeaseLost when the saved position is not `start`: another process has moved it.
    """
    rows = ReaderPosition.objects.filter(reader=reader, epoch=start[0], position=start[1])
    moved = rows.update(epoch=end[0], position=end[1], changed_at=timezone.now())
    if moved != 1:
        raise LeaseLost(f"the saved position of {reader} is no longer {start[0]} {start[1]}")


def resume(reader: str, log_epoch: str) -> tuple[str, str]:
    """Return the (epoch, position) to read on from; a log of another epoch begins at its start.

    `log_epoch` is empty while the log has none, before its first reading.
    """
    saved, _ = ReaderPosition.objects.get_or_create(
        reader=reader, defaults={"epoch": log_epoch, "position": START}
    )
    if log_epoch in ("", saved.epoch):
        return saved.epoch, saved.position
    move(reader, start=(saved.epoch, saved.position), end=(log_epoch, START))
    if saved.epoch:
        # Entries of the old log after this position are lost.
        log.error(
            "epoch_changed",
            reader=reader,
            epoch=log_epoch,
            before=saved.epoch,
            position=saved.position,
        )
    return log_epoch, START
