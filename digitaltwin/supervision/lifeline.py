"""The pipe that ends the children of `up` with it, also when it was killed -9.

`up` keeps the writing end open and never writes; the kernel closes it with the process.
"""

import os
import signal
import threading
import time

NAME = "LIFELINE_FD"
GRACE_SECONDS = 20.0


def watch_lifeline() -> None:
    """End this process, in order, as soon as the `up` that started it is gone."""
    descriptor = os.environ.pop(NAME, "")
    if descriptor:
        threading.Thread(
            target=_end_with, args=(int(descriptor),), name="lifeline", daemon=True
        ).start()


def _end_with(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
