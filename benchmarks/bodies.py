"""Request bodies: valid for the product and for the seed reference, all readings different."""

import time
from collections import defaultdict
from collections.abc import Iterator

_KINDS = (
    (b"temperature", b"celsius"),
    (b"pressure", b"bar"),
    (b"vibration", b"mm/s"),
    (b"humidity", b"percent"),
    (b"speed", b"rpm"),
)
_READING = (
    b'{"machine_id":"%b","sensor_type":"%b","value":%d.%02d,"unit":"%b","timestamp":"%b%06dZ",'
    b'"quality":"good","metadata":{"location":"workshop_%d","seq":%d}}'
)
_MICROSECONDS = 1_000_000


def machine_id(number: int) -> str:
    """CNC-000 to ROB-249: a thousand machine ids that every peer accepts."""
    prefix = ("CNC", "MIL", "LAT", "ROB")[number // 250]
    return f"{prefix}-{number % 250:03d}"


class Bodies:
    """Makes bodies; each machine's readings are numbered from 0 in `metadata.seq`."""

    def __init__(self) -> None:
        self._sequence: defaultdict[str, int] = defaultdict(int)
        self._last_us = 0
        self._second, self._second_text = 0, b""

    def next_number(self, machine: str) -> int:
        """Return the number of this machine's next reading."""
        return self._sequence[machine]

    def single(self, machine: str) -> bytes:
        return next(self._readings(machine))

    def batch(self, machine: str, size: int) -> bytes:
        readings = self._readings(machine)
        rows = b",".join(next(readings) for _ in range(size))
        return b'{"machine_id":"%b","readings":[%b]}' % (machine.encode(), rows)

    def _readings(self, machine: str) -> Iterator[bytes]:
        name = machine.encode()
        while True:
            number = self._sequence[machine]
            self._sequence[machine] = number + 1
            kind, unit = _KINDS[number % len(_KINDS)]
            second, us = self._moment()
            value, hundredths = number % 90, number % 100
            yield _READING % (
                *(name, kind, value, hundredths, unit, second, us),
                *(number % 7, number),
            )

    def _moment(self) -> tuple[bytes, int]:
        """Return the current time, later than every time returned before."""
        self._last_us = max(self._last_us + 1, time.time_ns() // 1000)
        second, us = divmod(self._last_us, _MICROSECONDS)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return self._second_text, us
