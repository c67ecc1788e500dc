"""The groups that a migration makes, and the rules for granting them."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from digitaltwin.accounts.roles import grantable_groups, may_manage
from sensors.tests.people import make_person, make_stranger, make_superuser

ROLES = ["viewer", "operator", "engineer", "admin"]
LABELS = ("sensors", "auth", "axes")
BEFORE, AFTER = ("sensors", "0004_operate_machine"), ("sensors", "0005_roles")
# The names of permissions that a model had before and since.
LETTERS = "Can view dead letter", "Can view reading that could not be stored"


def permissions_of(role: str) -> set[str]:
    return set(Permission.objects.filter(group__name=role).values_list("codename", flat=True))


def migrate(target: tuple[str, str]) -> None:
    MigrationExecutor(connection).migrate([target])


@pytest.mark.django_db
def test_each_role_may_what_the_one_before_may_and_more() -> None:
    granted = [permissions_of(role) for role in ROLES]

    assert granted[0] == {"view_machine"}
    assert granted[1] - granted[0] == {"operate_machine"}
    assert granted[2] - granted[1] == {
        *("view_sensor", "add_sensor", "change_sensor", "delete_sensor", "view_sensortype")
    }
    assert granted[0] < granted[1] < granted[2] < granted[3]
    assert granted[3].isdisjoint({"add_group", "change_group", "change_permission"})


@pytest.mark.django_db
def test_permissions_made_by_the_migration_are_those_of_django() -> None:
    ours = Permission.objects.filter(content_type__app_label__in=LABELS)
    made = sorted(ours.values_list("codename", "name"))

    ours.delete()
    for label in LABELS:
        create_permissions(apps.get_app_config(label), verbosity=0)

    assert sorted(ours.all().values_list("codename", "name")) == made


@pytest.fixture
def migrated(transactional_db: None) -> Iterator[None]:
    """Migrate the database back to its newest state after the test."""
    yield
    for newest in MigrationExecutor(connection).loader.graph.leaf_nodes("sensors"):
        migrate(newest)


def test_roles_come_and_go_on_a_database_that_is_in_use(migrated: None) -> None:
    vera = make_person("vera", "viewer")
    permissions = Permission.objects.count()

    migrate(BEFORE)
    assert not Group.objects.exists()
    assert not User.objects.get(pk=vera.pk).has_perm("sensors.view_machine")
    ours = Group.objects.create(name="viewer")
    ours.user_set.add(vera)

    migrate(AFTER)
    assert Group.objects.count() == len(ROLES)
    assert User.objects.get(pk=vera.pk).has_perm("sensors.view_machine")
    assert Permission.objects.count() == permissions


def test_permission_is_renamed_with_its_model_on_a_database_that_is_in_use(migrated: None) -> None:
    def name() -> str:
        return Permission.objects.get(codename="view_deadletter").name

    migrate(AFTER)
    before = name()
    migrate(("sensors", "0006_help_texts"))

    assert (before, name()) == LETTERS


@pytest.mark.django_db
def test_nobody_manages_someone_mightier() -> None:
    admin, root = make_person("ada", "admin"), make_superuser()
    peer, engineer = make_person("adam", "admin"), make_person("enno", "engineer")
    special = make_stranger()
    special.user_permissions.add(Permission.objects.get(codename="delete_group"))

    assert [may_manage(admin, one) for one in (admin, peer, engineer, special, root)] == [
        *(True, True, True, False, False)
    ]
    assert all(may_manage(root, one) for one in (admin, special, root))
    assert not may_manage(engineer, admin)


@pytest.mark.django_db
def test_whoever_is_inactive_is_still_mightier() -> None:
    admin, root, special = make_person("ada", "admin"), make_superuser(), make_stranger()
    special.user_permissions.add(Permission.objects.get(codename="delete_group"))
    User.objects.filter(pk__in=[root.pk, special.pk]).update(is_active=False)

    for one in (root, special):
        one.refresh_from_db()
        assert not may_manage(admin, one)


@pytest.mark.django_db
def test_groups_that_can_more_are_not_given() -> None:
    mighty = Group.objects.create(name="mighty")
    mighty.permissions.add(Permission.objects.get(codename="delete_group"))
    Group.objects.create(name="empty")

    def names(user: User) -> list[str]:
        return sorted(group.name for group in grantable_groups(user))

    assert names(make_person("ada", "admin")) == sorted([*ROLES, "empty"])
    assert names(make_person("enno", "engineer")) == ["empty", "engineer", "operator", "viewer"]
    assert names(make_superuser()) == sorted([*ROLES, "empty", "mighty"])
