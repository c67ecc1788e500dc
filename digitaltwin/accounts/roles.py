"""Who may give whom which role: nobody makes anybody mightier than himself."""

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet


def may_manage(manager: User, person: User) -> bool:
    """Whether the person, were he active, could do nothing that the manager cannot.

    Whoever may set a password or make an account active may then log in with it.
    """
    if manager.is_superuser or person.is_superuser:
        return manager.is_superuser
    return not _granted(person).exclude(pk__in=_granted(manager)).exists()


def grantable_groups(manager: User) -> QuerySet[Group]:
    """The groups that can do nothing that the manager cannot."""
    if manager.is_superuser:
        return Group.objects.all()
    return Group.objects.exclude(
        permissions__in=Permission.objects.exclude(pk__in=_granted(manager))
    )


def _granted(user: User) -> QuerySet[Permission]:
    """What rows grant; has_perm would say that an inactive user may nothing."""
    held = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    return Permission.objects.filter(pk__in=held.values("pk"))
