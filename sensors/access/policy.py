"""The access policy: who may see machines, and which machines.

Pages, the API and sockets ask here and nowhere else.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import islice

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q

from sensors.models import ScopeRestriction
from sensors.scopes import EVERYTHING, NOTHING, Place, Scope, restricted_to

VIEW_MACHINES = "sensors.view_machine"
# SQLite takes so many parameters in one query on every build.
QUERY_USERS = 400


def may_view_machines(user: User | AnonymousUser) -> bool:
    """Return whether the user may see machines at all; `scope_of` tells which machines."""
    return user.has_perm(VIEW_MACHINES)


def scope_of(user: User | AnonymousUser) -> Scope:
    """Return the machines that the user sees, given that he may see machines.

    All of them without a restriction and for a superuser; none without a login. One query.
    """
    return scopes_of([user])[user.pk] if isinstance(user, User) else NOTHING


def scopes_of(users: Collection[User]) -> dict[int, Scope]:
    """Return the scope of each user by primary key; one query for 400 users."""
    scopes = {user.pk: EVERYTHING for user in users}
    places: defaultdict[int, set[Place]] = defaultdict(set)
    restrictable = iter([user.pk for user in users if not user.is_superuser])
    while some := list(islice(restrictable, QUERY_USERS)):
        for user_id, place in _restrictions(some):
            places[user_id].add(place)
    return scopes | {user_id: restricted_to(places[user_id]) for user_id in places}


def _restrictions(user_ids: list[int]) -> Iterator[tuple[int, Place]]:
    """Read (user, place) from the rows of these users and of their groups."""
    own = Q(user__in=user_ids)
    of_groups = Q(group__user__in=user_ids)
    rows = ScopeRestriction.objects.filter(own | of_groups).order_by()
    for user_id, member_id, *place in rows.values_list(
        "user_id", "group__user", "site", "area", "line"
    ):
        yield user_id or member_id, Place(*place)
