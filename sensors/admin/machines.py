"""Admin of machines with their sensors, and of sensor types."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from sensors.catalogue.machines import (
    delete_machine,
    has_readings,
    retire_machine,
    return_machine_to_service,
)
from sensors.models import Machine, Sensor, SensorType

SENSOR_IDENTITY = ("sensor_type", "position")


class SensorForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of a sensor; type and position are fixed, for the history is kept under their name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for name in SENSOR_IDENTITY:
                self.fields[name].disabled = True


class SensorFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        super().clean()
        removed = [form.instance.pk for form in self.deleted_forms if form.instance.pk]
        if removed and has_readings(Sensor.objects.filter(pk__in=removed)):
            raise ValidationError("A sensor with readings cannot be deleted.")


class SensorInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Sensor
    form = SensorForm
    formset = SensorFormSet
    extra = 0
    fields = (*SENSOR_IDENTITY, "minimum", "maximum", "stale_seconds", "history")
    readonly_fields = ("history",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sensor]:
        sensors: QuerySet[Sensor] = super().get_queryset(request)
        return sensors.select_related("machine", "sensor_type")

    @admin.display(description="history")
    def history(self, sensor: Sensor) -> str:
        if not sensor.pk:
            return "-"
        query = urlencode({"machine_id": sensor.machine.machine_id, "sensor_type": sensor.name})
        return format_html('<a href="{}?{}">readings</a>', reverse("readings"), query)


@admin.register(Machine)
class MachineAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("machine_id", "name", "kind", "site", "area", "line", "active", "sensors")
    list_filter = ("active", "site", "area", "line", "kind")
    search_fields = ("machine_id", "name", "kind", "site", "area", "line")
    fields = ("machine_id", "name", "kind", "site", "area", "line", "active")
    inlines = (SensorInline,)
    actions = ("retire", "return_to_service")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Machine]:
        machines: QuerySet[Machine] = super().get_queryset(request)
        return machines.annotate(sensor_count=Count("sensors"))

    @admin.display(ordering="sensor_count")
    def sensors(self, machine: Any) -> int:
        count: int = machine.sensor_count
        return count

    def get_readonly_fields(self, request: HttpRequest, obj: Machine | None = None) -> Any:
        """Keep the machine_id of an existing machine: live values and sockets use it."""
        return ("machine_id",) if obj else ()

    def view_on_site(self, machine: Machine) -> str:
        return f"/machines/{machine.machine_id}/"

    @admin.action(
        description="Retire: keep the history, reject new readings", permissions=["change"]
    )
    def retire(self, request: HttpRequest, machines: QuerySet[Machine]) -> None:
        for machine in machines:
            retire_machine(machine)
        self.message_user(request, f"Retired: {_names(machines)}.", messages.SUCCESS)

    @admin.action(description="Return to service", permissions=["change"])
    def return_to_service(self, request: HttpRequest, machines: QuerySet[Machine]) -> None:
        for machine in machines:
            return_machine_to_service(machine)
        self.message_user(request, f"In service: {_names(machines)}.", messages.SUCCESS)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Protect machines with readings; sensors alone do not prevent a deletion."""
        objects, counts, missing, _ = super().get_deleted_objects(objs, request)
        kept = [
            f"{machine} has readings; retire it instead."
            for machine in objs
            if has_readings(machine.sensors.all())
        ]
        return objects, counts, missing, kept

    def delete_model(self, request: HttpRequest, obj: Machine) -> None:
        delete_machine(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Machine]) -> None:
        for machine in queryset:
            delete_machine(machine)


@admin.register(Sensor)
class SensorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Admin of sensors, for users who may change sensors but not machines."""

    list_display = ("machine", "name", "minimum", "maximum", "stale_seconds")
    list_display_links = ("machine", "name")
    list_filter = ("sensor_type", "machine__line")
    list_select_related = ("machine", "sensor_type")
    search_fields = ("machine__machine_id", "machine__name", "sensor_type__slug", "position")
    fields = ("machine", *SENSOR_IDENTITY, "minimum", "maximum", "stale_seconds")

    def get_readonly_fields(self, request: HttpRequest, obj: Sensor | None = None) -> Any:
        return ("machine", *SENSOR_IDENTITY) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Sensor | None = None) -> bool:
        may_delete = super().has_delete_permission(request, obj)
        return may_delete and (obj is None or not has_readings(Sensor.objects.filter(pk=obj.pk)))


@admin.register(SensorType)
class SensorTypeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("slug", "name", "unit", "minimum", "maximum")
    search_fields = ("slug", "name", "unit")
    fields = ("slug", "name", "unit", "minimum", "maximum")

    def get_readonly_fields(self, request: HttpRequest, obj: SensorType | None = None) -> Any:
        """Keep slug and unit of an existing type: the history uses them."""
        return ("slug", "unit") if obj else ()


def _names(machines: Iterable[Machine]) -> str:
    return ", ".join(machine.machine_id for machine in machines)
