"""The Django admin site and its access rule."""

from importlib import import_module

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class PlantAdminSite(AdminSite):
    """Admin site open to staff and to users who may change any of its models."""

    site_header = site_title = "Digital Twin"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) or (
            request.user.is_active
            and any(
                model_admin.has_change_permission(request)
                for model_admin in self._registry.values()
            )
        )


class PlantAdminConfig(AdminConfig):
    default_site = "digitaltwin.accounts.admin_site.PlantAdminSite"

    def ready(self) -> None:
        super().ready()
        # Imported last: it replaces pages that Django and django-axes registered.
        import_module("digitaltwin.accounts.admin")
