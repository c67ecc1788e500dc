"""Drain state of this process: while it finishes its requests, `/health/ready` answers 503."""

from threading import Event

_draining = Event()


def begin_drain() -> None:
    _draining.set()


def is_draining() -> bool:
    return _draining.is_set()
