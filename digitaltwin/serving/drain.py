"""Whether this process is about to end: `/health/ready` says so while it finishes its work."""

from threading import Event

_draining = Event()


def begin_drain() -> None:
    _draining.set()


def is_draining() -> bool:
    return _draining.is_set()
