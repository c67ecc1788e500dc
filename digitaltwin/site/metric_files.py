"""Files of prometheus_client, through which the processes of a machine share one `/metrics`."""

import os
import socket
from pathlib import Path

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# prometheus_client splits the file names at underscores.
_HOST = socket.gethostname().replace("_", "-")


def name_metric_files() -> None:
    """Name this process's files by host and pid; call it before a metric is made.

    Containers share the folder, and each container has a process with pid 1. Counters continue
    from the files of an earlier process of the same name; its gauges are dropped.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    remove_gauges(os.getpid(), folder=folder)
    # prometheus_client asks at every count; a constant is enough, for no process forks.
    owner = _owner(os.getpid())
    values.ValueClass = values.MultiProcessValue(lambda: owner)  # type: ignore[no-untyped-call]


def remove_gauges(pid: int, *, folder: str) -> None:
    """Remove the gauges of a dead process of this machine from `/metrics`."""
    mark_process_dead(_owner(pid), folder)  # type: ignore[no-untyped-call]


def _owner(pid: int) -> str:
    return f"{_HOST}-{pid}"
