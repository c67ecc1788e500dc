"""The access policy: whose restrictions count, and how they add up."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from sensors.access.policy import QUERY_USERS, may_view_machines, scope_of, scopes_of
from sensors.models import ScopeRestriction
from sensors.scopes import EVERYTHING, NOTHING, Place, restricted_to
from sensors.tests.people import (
    make_person,
    make_stranger,
    make_superuser,
    make_viewer,
    restrict,
)

pytestmark = pytest.mark.django_db


def make_group(name: str, *places: Place) -> Group:
    group = Group.objects.create(name=name)
    restrict(group, *places)
    return group


def test_user_without_restrictions_sees_everything() -> None:
    restrict(make_viewer("other"), Place("A"))
    make_group("others", Place("B"))

    assert scope_of(make_viewer()) == EVERYTHING


def test_restrictions_of_a_user_and_his_groups_add_up() -> None:
    viewer = make_viewer()
    restrict(viewer, Place("A", "1", "x"))
    viewer.groups.add(make_group("line y", Place("A", "1", "y")), make_group("B", Place("B")))

    assert scope_of(viewer) == restricted_to(
        [Place("A", "1", "x"), Place("A", "1", "y"), Place("B")]
    )


def test_restriction_of_a_role_holds_for_its_members() -> None:
    restrict(Group.objects.get(name="viewer"), Place("A"))

    assert scope_of(make_viewer()) == restricted_to([Place("A")])
    assert scope_of(make_person("eva", "engineer")) == EVERYTHING


def test_superuser_sees_everything() -> None:
    root = make_superuser()
    restrict(root, Place("A"))

    assert scope_of(root) == EVERYTHING


def test_nobody_is_in_no_scope() -> None:
    assert scope_of(AnonymousUser()) == NOTHING
    assert not may_view_machines(AnonymousUser())


def test_restriction_gives_no_permission() -> None:
    stranger = make_stranger()
    restrict(stranger, Place("A"))

    assert not may_view_machines(stranger)
    assert may_view_machines(make_viewer())


def test_inactive_user_may_view_nothing() -> None:
    viewer = make_viewer()
    viewer.is_active = False

    assert not may_view_machines(viewer)


def test_scopes_same_queries_for_one_and_three_users(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    viewers = [make_viewer(f"viewer{number}") for number in range(3)]
    for viewer in viewers:
        restrict(viewer, Place("A"), Place("B"))

    for some in (viewers[:1], viewers):
        with django_assert_num_queries(1):
            assert set(scopes_of(some).values()) == {restricted_to([Place("A"), Place("B")])}


def test_scopes_of_more_users_than_one_query_takes() -> None:
    names = [f"viewer{number}" for number in range(QUERY_USERS + 1)]
    users = User.objects.bulk_create(User(username=name) for name in names)
    restrict(users[0], Place("A"))
    restrict(users[-1], Place("B"))

    scopes = scopes_of(users)

    assert scopes[users[0].pk] == restricted_to([Place("A")])
    assert scopes[users[1].pk] == EVERYTHING
    assert scopes[users[-1].pk] == restricted_to([Place("B")])


# The table


def holders(who: str) -> dict[str, Any]:
    """The fields of a row that belongs to a user, a group, both or nobody."""
    user, group = make_viewer(), make_group("line")
    both: dict[str, Any] = {"user": user, "group": group}
    return {name: holder for name, holder in both.items() if who in (name, "both")}


@pytest.mark.parametrize("who", ["both", "nobody"])
def test_restriction_of_both_or_nobody_is_refused(who: str) -> None:
    fields = holders(who)

    with pytest.raises(IntegrityError), transaction.atomic():
        ScopeRestriction.objects.create(**fields, site="A")
    with pytest.raises(ValidationError, match="Choose a user or a group"):
        ScopeRestriction(**fields, site="A").full_clean()


@pytest.mark.parametrize("who", ["user", "group"])
def test_restriction_to_no_place_is_refused(who: str) -> None:
    fields = holders(who)

    with pytest.raises(IntegrityError), transaction.atomic():
        ScopeRestriction.objects.create(**fields)
    with pytest.raises(ValidationError, match="Name a site"):
        ScopeRestriction(**fields).full_clean()


@pytest.mark.parametrize("who", ["user", "group"])
def test_restriction_stands_once(who: str) -> None:
    fields = holders(who) | {"site": "A", "line": "x"}
    ScopeRestriction.objects.create(**fields)

    with pytest.raises(IntegrityError), transaction.atomic():
        ScopeRestriction.objects.create(**fields)


def test_restrictions_go_with_their_holder() -> None:
    viewer, group = make_viewer(), make_group("line", Place("A"))
    restrict(viewer, Place("A"), Place("B", "1"))
    assert [str(one) for one in ScopeRestriction.objects.all()] == [
        *("line: A", "viewer: A", "viewer: B / 1")
    ]

    viewer.delete()
    group.delete()

    assert not ScopeRestriction.objects.exists()
