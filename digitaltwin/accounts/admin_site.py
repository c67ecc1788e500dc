"""Whom Django admin lets in."""

from importlib import import_module

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class PlantAdminSite(AdminSite):
    """Open to staff, and to whoever may change something here: a role alone is enough."""

    site_header = site_title = "Digital Twin"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) or (
            request.user.is_active
            and any(one.has_change_permission(request) for one in self._registry.values())
        )


class PlantAdminConfig(AdminConfig):
    default_site = "digitaltwin.accounts.admin_site.PlantAdminSite"

    def ready(self) -> None:
        super().ready()
        # Last: it replaces the pages for users that Django and django-axes registered.
        import_module("digitaltwin.accounts.admin")
