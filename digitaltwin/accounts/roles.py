"""Rules for granting roles. Nobody makes anybody mightier than himself."""

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet


def may_manage(manager: User, user: User) -> bool:
    """Check that the user's permissions are among the manager's.

    Inactive users count with the permissions they would have when active: setting a password or
    activating an account lets the manager log in as that user.
    """
    if manager.is_superuser or user.is_superuser:
        return manager.is_superuser
    return not _granted_permissions(user).exclude(pk__in=_granted_permissions(manager)).exists()


def grantable_groups(manager: User) -> QuerySet[Group]:
    """Return the groups whose permissions the manager holds."""
    if manager.is_superuser:
        return Group.objects.all()
    return Group.objects.exclude(
        permissions__in=Permission.objects.exclude(pk__in=_granted_permissions(manager))
    )


def _granted_permissions(user: User) -> QuerySet[Permission]:
    """Permissions granted by rows; `has_perm` is false for every permission of an inactive user."""
    granted = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    return Permission.objects.filter(pk__in=granted.values("pk"))
