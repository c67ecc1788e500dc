"""How far history has come in the log; kept in the database, beside the rows."""

import structlog
from django.utils import timezone

from sensors.exceptions import LeaseLost
from sensors.messages import START
from sensors.models import ReaderPosition

log = structlog.get_logger(__name__)

READER = "history"


def move(*, start: tuple[str, str], end: tuple[str, str]) -> None:
    """Move the saved (epoch, position) from `start` to `end`; belongs into a transaction.

    Raises LeaseLost when it is not at `start`: another process has been at work.
    """
    moved = ReaderPosition.objects.filter(reader=READER, epoch=start[0], position=start[1]).update(
        epoch=end[0], position=end[1], changed_at=timezone.now()
    )
    if moved != 1:
        raise LeaseLost(f"the saved position is no longer {start[0]} {start[1]}")


def resume(log_epoch: str) -> tuple[str, str]:
    """The (epoch, position) to go on from; another log is read from its start.

    `log_epoch` is empty while the log has none, before its first reading.
    """
    saved, _ = ReaderPosition.objects.get_or_create(
        reader=READER, defaults={"epoch": log_epoch, "position": START}
    )
    if log_epoch in ("", saved.epoch):
        return saved.epoch, saved.position
    move(start=(saved.epoch, saved.position), end=(log_epoch, START))
    if saved.epoch:
        # What the old log held after this position and nobody had stored is gone.
        log.error("epoch_changed", epoch=log_epoch, before=saved.epoch, stored=saved.position)
    return log_epoch, START
