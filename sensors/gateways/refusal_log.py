"""Refused device requests in the log: the first of a kind at once, then a count, never a flood."""

import structlog

from sensors.exceptions import SensorsError
from sensors.timestamps import SECOND_US

log = structlog.get_logger(__name__)

QUIET_US = 10 * SECOND_US
MAX_KINDS = 1000
# (key's prefix, code) -> [when it was logged last, how many were passed over since]
_kinds: dict[tuple[str, str], list[int]] = {}


def log_refusal(error: SensorsError, *, key: str, now_us: int) -> None:
    """`key` is the prefix of the device key, empty where none was proved."""
    kind = _kinds.get((key, error.code))
    if kind is None:
        if len(_kinds) >= MAX_KINDS:
            _kinds.clear()
        kind = _kinds[key, error.code] = [-QUIET_US, 0]
    if now_us - kind[0] < QUIET_US:
        kind[1] += 1
        return
    more, kind[:] = kind[1], [now_us, 0]
    log.info(
        "readings_refused",
        key=key,
        code=error.code,
        status=error.status,
        detail=error.detail,
        more_like_it=more,
    )
