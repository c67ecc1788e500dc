"""Refused requests: counted by code, logged without a flood."""

import structlog

from sensors.enums import Outcome
from sensors.exceptions import InvalidReadings, SensorsError
from sensors.metrics import READINGS, REFUSALS
from sensors.timestamps import SECOND_US, now_us

log = structlog.get_logger(__name__)

INTERNAL_ERROR = "internal-error"
CONFLICTING = "conflicting-duplicate"
QUIET_US = 10 * SECOND_US
MAX_KINDS = 1000
# (key's prefix, code) -> [time of the last log line, refusals since that were only counted]
_kinds: dict[tuple[str, str], list[int]] = {}


def record_refusal(error: Exception, *, key_prefix: str = "") -> None:
    """Count and log a request that is refused with this error.

    `key_prefix` is empty where no device key was proved.
    """
    if not isinstance(error, SensorsError):
        REFUSALS.labels(INTERNAL_ERROR).inc()  # logged with its traceback where it is answered
        return
    REFUSALS.labels(error.code).inc()
    if isinstance(error, InvalidReadings):
        # Conflicts are counted as such when the log reports them.
        refused = {wrong.index for wrong in error.errors if wrong.code != CONFLICTING}
        READINGS.labels(Outcome.REFUSED).inc(len(refused))
    log_refusal(error, key_prefix=key_prefix, now_us=now_us())


def log_refusal(error: SensorsError, *, key_prefix: str, now_us: int) -> None:
    """Log the first refusal of a key and code at once, then one line in ten seconds."""
    kind = _kinds.get((key_prefix, error.code))
    if kind is None:
        if len(_kinds) >= MAX_KINDS:
            _kinds.clear()
        kind = _kinds[key_prefix, error.code] = [-QUIET_US, 0]
    if now_us - kind[0] < QUIET_US:
        kind[1] += 1
        return
    more, kind[:] = kind[1], [now_us, 0]
    log.info(
        "readings_refused",
        key=key_prefix,
        code=error.code,
        status=error.status,
        detail=error.detail,
        more_like_it=more,
    )
