"""How much of the log is kept."""

from django.conf import settings

from sensors.messages import START, position_key
from sensors.store.store import Store

# Fuller than this, the log keeps less than RECENT_SECONDS.
FULL = 0.8


def trim_position(stored: str, *, oldest: str, length: int, now_us: int) -> str:
    """The position before which nothing is needed: stored, and older than RECENT_SECONDS.

    When the log is fuller than FULL of MAX_LOG_ENTRIES the time kept shrinks in proportion,
    taken from the time that the log spans; what is not stored always stays.
    """
    now_ms = now_us // 1000
    kept_ms = settings.RECENT_SECONDS * 1000
    allowed = FULL * settings.MAX_LOG_ENTRIES
    if length > allowed:
        spanned_ms = now_ms - position_key(oldest)[0]
        kept_ms = min(kept_ms, int(spanned_ms * allowed / length))
    return min(stored, f"{now_ms - max(0, kept_ms)}-0", key=position_key)


async def trim(store: Store, stored: str, *, now_us: int) -> bool:
    """Trim what is stored and old; whether the log is too full. Raises LogUnavailable."""
    oldest = await store.read(START, count=1)
    if not oldest:
        return False
    length = await store.length()
    first = oldest[0].position
    await store.trim(trim_position(stored, oldest=first, length=length, now_us=now_us))
    return length > FULL * settings.MAX_LOG_ENTRIES
