"""The parts that all live pages share: the feed, and the state from which the script goes on."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from realtime.presentation.moments import local
from realtime.presentation.view_models import FeedBanner, LiveFeed
from realtime.protocol import close_codes
from sensors.store.sync import get_sync_store
from sensors.timestamps import format_us

HISTORY_URL = "/api/v1/sensors/readings"


def live_feed(
    machines: list[dict[str, Any]], words: Mapping[str, Any], now_us: int, *, is_down: bool
) -> LiveFeed:
    """Describe the feed of a page that shows these machines, given as JSON for its script."""
    banner = FeedBanner("down", words["feed"]["down"]) if is_down else FeedBanner("connecting", "")
    return LiveFeed(
        banner=banner,
        close_codes=close_codes(),
        first_state={"machines": machines, "server_time": format_us(now_us)},
        heartbeat_seconds=settings.HEARTBEAT_SECONDS,
        stale_seconds=settings.DEFAULT_STALE_SECONDS,
        time_zone=settings.TIME_ZONE,
        server_time=local(now_us),
        in_memory=get_sync_store().in_memory,
    )
