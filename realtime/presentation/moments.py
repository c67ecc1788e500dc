"""Moments in the plant's time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from sensors.timestamps import to_datetime


def local(us: int) -> datetime:
    """Convert microseconds since 1970 UTC to the plant's time zone."""
    return to_datetime(us).astimezone(ZoneInfo(settings.TIME_ZONE))


def time_text(us: int, *, now_us: int) -> str:
    """Write a moment in the plant's time, with its date unless the date is today's."""
    moment = local(us)
    is_today = moment.date() == local(now_us).date()
    return moment.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")
