"""Admin of conflicting and unstorable readings, read only."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from sensors.models import ConflictingReading, DeadLetter
from sensors.timestamps import to_datetime


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    date_hierarchy = "created_at"
    # Counting the whole table would be the slowest part of the page.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ConflictingReading)
class ConflictingReadingAdmin(ReadOnlyAdmin):
    list_display = (
        "sensor",
        "measured",
        "value",
        "quality",
        "stored_value",
        "stored_quality",
        "received",
    )
    list_filter = ("sensor__sensor_type", "quality", "created_at")
    list_select_related = ("sensor__machine", "sensor__sensor_type")
    search_fields = ("sensor__machine__machine_id", "sensor__sensor_type__slug")
    fields = (*list_display, "created_at")

    @admin.display(ordering="measured_at")
    def measured(self, row: ConflictingReading) -> datetime | None:
        return _moment(row.measured_at)

    @admin.display(ordering="received_at")
    def received(self, row: ConflictingReading) -> datetime | None:
        return _moment(row.received_at)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "machine_id", "reason_in_short", "position")
    list_filter = ("created_at",)
    search_fields = ("machine_id", "reason", "position")
    fields = ("created_at", "machine_id", "reason", "payload", "epoch", "position")

    @admin.display(description="reason")
    def reason_in_short(self, letter: DeadLetter) -> str:
        return letter.reason[:120]


def _moment(us: int) -> datetime | None:
    """Convert microseconds; None for a number outside the calendar."""
    try:
        return to_datetime(us)
    except OverflowError:
        return None
