"""Django admin by role: access, an engineer's changes, and no privilege escalation."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from sensors.history.tests.rows import make_reading, write_at
from sensors.models import DeviceKey, Sensor, SensorType
from sensors.readers import positions
from sensors.tests.people import PASSWORD, make_machine, make_person, make_stranger, make_superuser

pytestmark = pytest.mark.django_db

NEW = "a brand new one, long enough"
PASSWORDS = {"usable_password": "true", "password1": NEW, "password2": NEW}


def client_with(*roles: str) -> Client:
    """The browser of somebody with these roles."""
    client = Client()
    client.force_login(make_person("ada", *roles))
    return client


@pytest.fixture
def admin() -> Client:
    """The browser of somebody in the group admin, who is no superuser."""
    return client_with("admin")


def page(model: str, view: str = "change", *args: Any) -> str:
    return reverse(f"admin:{model}_{view}", args=args)


def fields_of(user: User, **changes: Any) -> dict[str, Any]:
    """The form of a user's page as it stands, with changes."""
    joined = user.date_joined
    fields = {
        "username": user.username,
        "is_active": "on" if user.is_active else "",
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "groups": [group.pk for group in user.groups.all()],
    }
    return fields | changes


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


@pytest.mark.parametrize(
    ("roles", "status"),
    [((), 302), (("viewer",), 302), (("operator",), 302), (("engineer",), 200), (("admin",), 200)],
)
def test_admin_lets_in_who_may_change_something(roles: tuple[str, ...], status: int) -> None:
    assert client_with(*roles).get("/admin/").status_code == status


def test_admin_lets_in_staff_and_not_who_is_inactive() -> None:
    auditor, gone = make_stranger("auditor"), make_person("gone", "admin")
    User.objects.filter(pk=auditor.pk).update(is_staff=True)
    client, other = Client(), Client()
    client.force_login(auditor)
    other.force_login(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    ("roles", "shown"), [(("viewer",), False), (("engineer",), True), (("admin",), True)]
)
def test_top_bar_leads_to_the_admin_who_may_enter(roles: tuple[str, ...], shown: bool) -> None:
    assert ('href="/admin/"' in client_with(*roles).get("/account/").content.decode()) is shown


def test_engineer_changes_limits_and_makes_sensors() -> None:
    client, machine = client_with("engineer"), make_machine()
    sensor, speed = machine.sensors.get(), SensorType.objects.get(slug="speed")

    client.post(page("sensors_sensor", "change", sensor.pk), {"minimum": "5", "maximum": "60"})
    client.post(page("sensors_sensor", "add"), {"machine": machine.pk, "sensor_type": speed.pk})

    sensor.refresh_from_db()
    assert (sensor.minimum, sensor.maximum) == (5, 60)
    assert sorted(one.name for one in machine.sensors.all()) == ["speed", "temperature"]


def test_engineer_changes_no_machine_key_or_person() -> None:
    client, machine = client_with("engineer"), make_machine()

    assert client.get(page("sensors_machine", "change", machine.pk)).status_code == 200
    assert client.post(page("sensors_machine", "change", machine.pk), {}).status_code == 403
    retire = {"action": "retire", "_selected_action": machine.pk}
    client.post(page("sensors_machine", "changelist"), retire)
    machine.refresh_from_db()
    assert machine.active
    for model in ("sensors_machine", "sensors_sensortype", "sensors_devicekey", "auth_user"):
        assert client.get(page(model, "add")).status_code == 403


def test_sensor_keeps_its_machine_and_name() -> None:
    client, machine = client_with("engineer"), make_machine()
    sensor, other = machine.sensors.get(), make_machine("CNC-002")

    client.post(page("sensors_sensor", "change", sensor.pk), {"machine": other.pk, "position": "x"})

    sensor.refresh_from_db()
    assert (sensor.machine, sensor.name) == (machine, "temperature")


def test_sensor_with_readings_is_not_deleted() -> None:
    client, sensor = client_with("engineer"), make_machine().sensors.get()
    positions.resume("history", "log")
    write_at(1, [make_reading(sensor_id=sensor.pk)])
    unused = make_machine("CNC-002").sensors.get()
    both = {"action": "delete_selected", "_selected_action": [sensor.pk, unused.pk], "post": "yes"}

    one = client.post(page("sensors_sensor", "delete", sensor.pk), {"post": "yes"})
    client.post(page("sensors_sensor", "changelist"), both)
    assert (one.status_code, Sensor.objects.count()) == (403, 2)

    client.post(page("sensors_sensor", "delete", unused.pk), {"post": "yes"})
    assert Sensor.objects.get() == sensor


def test_admin_makes_people_gives_roles_and_takes_them(admin: Client) -> None:
    admin.post(page("auth_user", "add"), PASSWORDS | {"username": "vera"})
    vera = User.objects.get(username="vera")

    admin.post(page("auth_user", "change", vera.pk), fields_of(vera, groups=[role("engineer")]))
    assert User.objects.get(pk=vera.pk).has_perm("sensors.change_sensor")

    admin.post(page("auth_user", "change", vera.pk), fields_of(vera, groups=[], is_active=""))
    vera.refresh_from_db()
    assert (list(vera.groups.all()), vera.is_active) == ([], False)


def test_admin_sets_a_password_and_deletes(admin: Client) -> None:
    vera = make_person("vera", "viewer")

    admin.post(page("auth_user", "password_change", vera.pk), PASSWORDS)
    vera.refresh_from_db()
    assert vera.check_password(NEW)

    admin.post(page("auth_user", "delete", vera.pk), {"post": "yes"})
    assert not User.objects.filter(username="vera").exists()


def test_admin_makes_keys(admin: Client) -> None:
    admin.post(page("sensors_devicekey", "add"), {"name": "gateway", "all_machines": "on"})

    assert DeviceKey.objects.get().name == "gateway"


@pytest.mark.parametrize("name", ["ada", "vera"])
def test_admin_makes_nobody_a_superuser(admin: Client, name: str) -> None:
    make_person("vera", "viewer")
    person = User.objects.get(username=name)
    climb = {"is_superuser": "on", "user_permissions": [p.pk for p in Permission.objects.all()]}
    address = page("auth_user", "change", person.pk)

    shown = admin.get(address).content.decode()
    response = admin.post(address, fields_of(person, is_staff="on", **climb))

    person.refresh_from_db()
    assert "is_superuser" not in shown
    assert "user_permissions" not in shown
    assert response.status_code == 302
    assert (person.is_staff, person.is_superuser) == (True, False)
    assert not person.user_permissions.exists()


def test_admin_makes_no_superuser_on_the_add_page(admin: Client) -> None:
    fields = PASSWORDS | {"username": "new", "is_superuser": "on", "is_staff": "on"}

    admin.post(page("auth_user", "add"), fields)

    assert not User.objects.get(username="new").is_superuser


def test_admin_gives_no_group_that_can_more(admin: Client) -> None:
    mighty = Group.objects.create(name="mighty")
    mighty.permissions.add(Permission.objects.get(codename="change_group"))
    ada = User.objects.get(username="ada")
    address = page("auth_user", "change", ada.pk)

    shown = admin.get(address).content.decode()
    response = admin.post(address, fields_of(ada, groups=[role("admin"), mighty.pk]))

    assert "mighty" not in shown
    assert response.status_code == 200
    assert [group.name for group in ada.groups.all()] == ["admin"]


@pytest.mark.parametrize("is_active", [True, False])
def test_admin_touches_nobody_mightier(admin: Client, is_active: bool) -> None:
    root = make_superuser("root")
    User.objects.filter(pk=root.pk).update(is_active=is_active)
    before = User.objects.values().get(pk=root.pk)
    bulk = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}

    statuses = [
        admin.post(page("auth_user", "change", root.pk), fields_of(root, is_active="on")),
        admin.post(page("auth_user", "password_change", root.pk), PASSWORDS),
        admin.post(page("auth_user", "delete", root.pk), {"post": "yes"}),
    ]
    admin.post(page("auth_user", "changelist"), bulk)

    assert [response.status_code for response in statuses] == [403, 403, 403]
    assert User.objects.values().get(pk=root.pk) == before


def test_page_of_someone_mightier_is_to_read_without_the_hash(admin: Client) -> None:
    root = make_superuser("root")

    shown = admin.get(page("auth_user", "change", root.pk)).content.decode()

    assert 'name="_save"' not in shown
    assert root.password not in shown


def test_admin_changes_no_role(admin: Client) -> None:
    group = Group.objects.get(name="admin")
    ada = User.objects.get(username="ada")
    ada.user_permissions.set(Permission.objects.filter(codename__endswith="_group"))

    assert admin.get(page("auth_group", "add")).status_code == 403
    assert admin.post(page("auth_group", "change", group.pk), {"name": "x"}).status_code == 403
    assert admin.post(page("auth_group", "delete", group.pk), {"post": "yes"}).status_code == 403


def test_admin_lets_in_who_is_locked_out(admin: Client) -> None:
    make_person("vera")
    wrong = {"username": "vera", "password": "wrong"}
    for _ in range(5):
        Client().post("/login/", wrong)
    attempt, address = AccessAttempt.objects.get(), page("axes_accessattempt", "changelist")
    shown = admin.get(address).content.decode()

    admin.post(address, {"action": "delete_selected", "_selected_action": attempt.pk, "post": "y"})

    assert "Locked Out" in shown
    assert "cleanup_expired_attempts" not in shown
    assert Client().post("/login/", wrong | {"password": PASSWORD}).status_code == 302


def test_superuser_changes_everybody_and_every_role() -> None:
    client = Client()
    client.force_login(make_superuser("root"))
    vera, group = make_person("vera"), Group.objects.get(name="viewer")

    client.post(page("auth_user", "change", vera.pk), fields_of(vera, is_superuser="on"))
    client.post(page("auth_group", "change", group.pk), {"name": "viewer", "permissions": []})

    vera.refresh_from_db()
    assert vera.is_superuser
    assert not group.permissions.exists()


def test_person_list_same_queries_for_one_and_three(
    admin: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20) as queries:
        admin.get(page("auth_user", "changelist"))
    make_person("vera", "viewer", "operator")
    make_person("otto", "operator")

    with django_assert_num_queries(len(queries)):
        shown = admin.get(page("auth_user", "changelist")).content.decode()

    assert "operator, viewer" in shown
    assert PASSWORD not in shown
