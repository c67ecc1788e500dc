"""Whom Django admin lets in."""

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
    default_site = "digitaltwin.admin_site.PlantAdminSite"
