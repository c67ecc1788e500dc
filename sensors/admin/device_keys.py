"""Admin of device keys: a secret is shown once, in the response, and never stored."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers

from sensors.access.device_keys import create_device_key, revoke_device_key, rotate_device_key
from sensors.models import DeviceKey

SECRETS_TEMPLATE = "admin/sensors/devicekey/secrets.html"


class DeviceKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any] | None:
        fields = super().clean() or self.cleaned_data
        if not fields.get("all_machines") and not fields.get("machines"):
            self.add_error("machines", "Select the machines the key is valid for, or all machines.")
        return fields


@admin.register(DeviceKey)
class DeviceKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = DeviceKeyForm
    list_display = ("name", "prefix", "all_machines", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("all_machines", "revoked_at")
    search_fields = ("name", "prefix", "machines__machine_id")
    filter_horizontal = ("machines",)
    actions = ("rotate", "revoke")

    def get_fields(self, request: HttpRequest, obj: DeviceKey | None = None) -> Any:
        own = ("prefix", "revoked_at", "last_used_at", "created_at") if obj else ()
        return ("name", "all_machines", "machines", "expires_at", *own)

    def get_readonly_fields(self, request: HttpRequest, obj: DeviceKey | None = None) -> Any:
        return ("prefix", "revoked_at", "last_used_at", "created_at")

    def save_model(self, request: HttpRequest, obj: DeviceKey, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        key, token = create_device_key(
            name=obj.name,
            machines=form.cleaned_data["machines"],
            all_machines=obj.all_machines,
            expires_at=obj.expires_at,
        )
        # The form continues with the created row.
        obj.__dict__.update(key.__dict__)
        request.new_tokens = [(key, token)]  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: DeviceKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._secrets(request, request.new_tokens)  # type: ignore[attr-defined]

    @admin.action(description="Replace the secret", permissions=["change"])
    def rotate(self, request: HttpRequest, keys: QuerySet[DeviceKey]) -> HttpResponse | None:
        if revoked := [key.name for key in keys if key.revoked_at]:
            text = f"Revoked keys cannot get a new secret: {', '.join(revoked)}."
            self.message_user(request, text, messages.ERROR)
            return None
        tokens = []
        for key in keys:
            tokens.append((key, rotate_device_key(key)))
            self.log_change(request, key, "Replaced the secret.")
        return self._secrets(request, tokens)

    @admin.action(description="Revoke permanently", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[DeviceKey]) -> None:
        names = []
        for key in keys.filter(revoked_at=None):
            revoke_device_key(key)
            self.log_change(request, key, "Revoked permanently.")
            names.append(key.name)
        self.message_user(request, f"Revoked: {', '.join(names) or 'none'}.", messages.SUCCESS)

    def _secrets(self, request: HttpRequest, tokens: list[tuple[DeviceKey, str]]) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": "Copy the device keys now",
            "tokens": tokens,
            "opts": self.opts,
        }
        response = TemplateResponse(request, SECRETS_TEMPLATE, context)
        add_never_cache_headers(response)
        return response
