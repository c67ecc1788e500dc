"""Users, their roles and their failed logins in Django admin."""

from typing import Any, cast

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from digitaltwin.accounts.roles import grantable_groups, may_manage

# The imports above registered the pages of Django and django-axes.
admin.site.unregister([User, Group, AccessAttempt])

SUPERUSER_ONLY_FIELDS = {"is_superuser", "user_permissions"}


@admin.register(User)
class PlantUserAdmin(UserAdmin):  # type: ignore[type-arg]
    """Users and their roles.

    Non-superusers may grant only roles they hold, to users without further permissions.
    """

    list_display = ("username", "first_name", "last_name", "roles", "is_active", "last_login")

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if _manager(request).is_superuser:
            return fieldsets
        return [
            (name, {**options, "fields": _non_superuser_fields(options)})
            for name, options in fieldsets
        ]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = grantable_groups(_manager(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        may_change = super().has_change_permission(request, obj)
        return may_change and (obj is None or may_manage(_manager(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        may_delete = super().has_delete_permission(request, obj)
        return may_delete and (obj is None or may_manage(_manager(request), obj))


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """Roles; only superusers change them, as others could add permissions to their own role."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _manager(request).is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _manager(request).is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _manager(request).is_superuser


@admin.register(AccessAttempt)
class FailedLoginAdmin(AccessAttemptAdmin):  # type: ignore[misc]
    """Failed logins and lockouts; deleting the row ends the lockout."""

    # The action of django-axes 8.3.1 fails: it reads a time that only successful logins have.
    actions = ()


def _manager(request: HttpRequest) -> User:
    return cast(User, request.user)


def _non_superuser_fields(options: Any) -> list[str]:
    return [name for name in options["fields"] if name not in SUPERUSER_ONLY_FIELDS]
