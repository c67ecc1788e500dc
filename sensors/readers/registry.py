"""The registered readers of the log.

`work`, health, metrics, trimming and the deployment files name readers after this registry. It
holds dotted paths, so that nothing here imports a reader.
"""

from collections.abc import Iterable

import msgspec
from prometheus_client import Gauge

from sensors.metrics import READER_LAG_ENTRIES, READER_LAG_SECONDS, TRIMMING_HELD_SECONDS
from sensors.store import keys


class RegisteredReader(msgspec.Struct, frozen=True):
    """A reader's name, the dotted path of its class, and whether it is a `DurableReader`."""

    name: str
    path: str
    is_durable: bool


_REGISTERED = (
    RegisteredReader(
        keys.BROADCAST_READER, "realtime.broadcast.reader.BroadcastReader", is_durable=False
    ),
    RegisteredReader(keys.HISTORY_READER, "sensors.history.reader.HistoryReader", is_durable=True),
)
READERS: dict[str, RegisteredReader] = {reader.name: reader for reader in _REGISTERED}


def durable_readers() -> list[str]:
    """Return the names of the readers that own rows: the log is kept for them."""
    return [reader.name for reader in READERS.values() if reader.is_durable]


def show_rows(
    readers: Iterable[RegisteredReader], *, lag: Iterable[Gauge], held: Iterable[Gauge]
) -> None:
    """Give the gauges a row of 0 for each reader, also for a reader that was never started."""
    for reader in readers:
        for gauge in (*lag, *(held if reader.is_durable else ())):
            # With an old time: of several processes' values the newest counts.
            gauge.labels(reader.name)._value.set(0.0, timestamp=1.0)


show_rows(
    READERS.values(),
    lag=(READER_LAG_ENTRIES, READER_LAG_SECONDS),
    held=(TRIMMING_HELD_SECONDS,),
)
