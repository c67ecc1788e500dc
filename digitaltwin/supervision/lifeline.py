"""Pipe that ends the children of `up` together with it, even after `kill -9`.

`up` keeps the writing end open and never writes; the kernel closes it when `up` ends.
"""

import os
import signal
import threading
import time

NAME = "LIFELINE_FD"
GRACE_SECONDS = 20.0


def watch_lifeline() -> None:
    """Send SIGTERM to this process as soon as the `up` that started it has ended."""
    descriptor = os.environ.pop(NAME, "")
    if descriptor:
        threading.Thread(
            target=_end_after_parent, args=(int(descriptor),), name="lifeline", daemon=True
        ).start()


def _end_after_parent(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
