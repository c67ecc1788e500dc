"""Django admin: machines, keys whose secret is shown once, records that only read."""

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from sensors.access.device_keys import create_device_key, secret_hash
from sensors.history.tests.rows import NOON, make_reading, write_at
from sensors.models import ConflictingReading, DeadLetter, DeviceKey, Machine, Sensor, SensorType
from sensors.readers import positions
from sensors.tests.people import STATES, client_of, make_machine

pytestmark = pytest.mark.django_db

MODELS = ("machine", "sensortype", "devicekey", "conflictingreading", "deadletter")
TOKEN = re.compile(r"dt_([0-9a-f]+)\.([\w-]+)")


@pytest.fixture
def admin() -> Client:
    return client_of("superuser")


def page(model: str, view: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:sensors_{model}_{view}", args=args)


def act(client: Client, model: str, action: str, *rows: Any, **more: str) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(page(model), data)


def formset(*sensors: Sensor, **fields: str) -> dict[str, str]:
    """The inline form of a machine's page with its sensors as they stand."""
    data = {"sensors-TOTAL_FORMS": str(len(sensors)), "sensors-INITIAL_FORMS": str(len(sensors))}
    for number, sensor in enumerate(sensors):
        data |= {f"sensors-{number}-id": str(sensor.pk)}
        data |= {f"sensors-{number}-machine": str(sensor.machine_id)}
    return data | fields


def keep_reading(machine: Machine) -> None:
    positions.resume("history", "log")
    write_at(1, [make_reading(sensor_id=machine.sensors.get().pk)])


@pytest.mark.parametrize("who", STATES)
@pytest.mark.parametrize("model", MODELS)
def test_admin_is_for_staff(who: str, model: str) -> None:
    response = client_of(who).get(page(model))

    assert response.status_code == (200 if who == "superuser" else 302)


def test_admin_logs_in_where_everybody_does() -> None:
    response = Client().get("/admin/", follow=True)

    assert response.redirect_chain[-1][0].startswith("/login/?next=")


@pytest.mark.parametrize("model", MODELS[:3])
def test_add_pages_open(admin: Client, model: str) -> None:
    assert admin.get(page(model, "add")).status_code == 200


def test_machine_with_sensors_made(admin: Client) -> None:
    kind = SensorType.objects.get(slug="vibration")
    fields = {
        "sensors-TOTAL_FORMS": "1",
        "sensors-0-sensor_type": str(kind.pk),
        "sensors-0-position": "drive_end",
    }

    admin.post(
        page("machine", "add"), {"machine_id": "CNC-001", "active": "on"} | formset(**fields)
    )

    assert [sensor.name for sensor in Machine.objects.get().sensors.all()] == [
        "vibration.drive_end"
    ]


def test_machine_page_links_to_its_history(admin: Client) -> None:
    machine = make_machine("CNC-001", "vibration.drive_end")

    shown = admin.get(page("machine", "change", machine.pk)).content.decode()

    assert "/machines/CNC-001/" in shown
    assert (
        "/api/v1/sensors/readings?machine_id=CNC-001&amp;sensor_type=vibration.drive_end" in shown
    )


def test_machine_keeps_its_id_and_its_sensors_their_names(admin: Client) -> None:
    machine = make_machine()
    sensor = machine.sensors.get()
    other = SensorType.objects.get(slug="speed")
    fields = {
        "machine_id": "CNC-009",
        "name": "Mill",
        "sensors-0-sensor_type": str(other.pk),
        "sensors-0-stale_seconds": "7",
    }

    admin.post(page("machine", "change", machine.pk), formset(sensor, **fields))

    machine.refresh_from_db()
    sensor.refresh_from_db()
    assert (machine.machine_id, machine.name) == ("CNC-001", "Mill")
    assert (sensor.name, sensor.stale_seconds) == ("temperature", 7)


def test_machines_retired_and_returned(admin: Client) -> None:
    machine = make_machine()
    before = machine.changed_at

    act(admin, "machine", "retire", machine)
    machine.refresh_from_db()
    assert not machine.active
    assert machine.changed_at > before

    act(admin, "machine", "return_to_service", machine)
    machine.refresh_from_db()
    assert machine.active


def test_machine_with_readings_is_not_deleted(admin: Client) -> None:
    machine = make_machine()
    keep_reading(machine)

    admin.post(page("machine", "delete", machine.pk), {"post": "yes"})
    act(admin, "machine", "delete_selected", machine, post="yes")

    assert Machine.objects.count() == 1


def test_machine_made_by_mistake_is_deleted_with_its_sensors(admin: Client) -> None:
    machine, other = make_machine("CNC-001"), make_machine("CNC-002")

    admin.post(page("machine", "delete", machine.pk), {"post": "yes"})
    act(admin, "machine", "delete_selected", other, post="yes")

    assert (Machine.objects.count(), Sensor.objects.count()) == (0, 0)


def test_sensor_with_readings_is_not_deleted(admin: Client) -> None:
    machine = make_machine()
    keep_reading(machine)
    fields = {"active": "on", "sensors-0-DELETE": "on"}

    response = admin.post(
        page("machine", "change", machine.pk), formset(machine.sensors.get(), **fields)
    )

    assert "A sensor with readings cannot be deleted." in response.content.decode()
    assert Sensor.objects.count() == 1


def test_machine_list_same_queries_for_one_and_three(
    admin: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    make_machine("CNC-001")
    with django_assert_max_num_queries(20) as queries:
        admin.get(page("machine"))
    make_machine("CNC-002")
    make_machine("CNC-003")

    with django_assert_num_queries(len(queries)):
        admin.get(page("machine"))


def test_device_key_made_and_its_secret_shown_once(admin: Client) -> None:
    machine = make_machine()

    response = admin.post(page("devicekey", "add"), {"name": "gateway", "machines": [machine.pk]})

    key = DeviceKey.objects.get()
    match = TOKEN.search(response.content.decode())
    assert match is not None
    assert (match[1], secret_hash(match[2])) == (key.prefix, key.secret_hash)
    assert list(key.machines.all()) == [machine]
    assert "no-store" in response["Cache-Control"]
    for again in (page("devicekey"), page("devicekey", "change", key.pk)):
        shown = admin.get(again).content.decode()
        assert match[2] not in shown
        assert key.secret_hash not in shown


def test_device_key_speaks_for_somebody(admin: Client) -> None:
    response = admin.post(page("devicekey", "add"), {"name": "gateway"})

    assert "Select the machines" in response.content.decode()
    assert DeviceKey.objects.count() == 0


def test_device_key_changed_keeps_its_secret(admin: Client) -> None:
    key, _ = create_device_key(name="gateway", all_machines=True)

    admin.post(page("devicekey", "change", key.pk), {"name": "door", "all_machines": "on"})

    changed = DeviceKey.objects.get()
    assert (changed.name, changed.secret_hash) == ("door", key.secret_hash)


def test_device_key_rotated(admin: Client) -> None:
    key, _ = create_device_key(name="gateway", all_machines=True)

    response = act(admin, "devicekey", "rotate", key)

    match = TOKEN.search(response.content.decode())
    assert match is not None
    assert secret_hash(match[2]) == DeviceKey.objects.get().secret_hash != key.secret_hash


def test_device_key_revoked_and_not_rotated_any_more(admin: Client) -> None:
    key, _ = create_device_key(name="gateway", all_machines=True)

    act(admin, "devicekey", "revoke", key)
    response = act(admin, "devicekey", "rotate", key)

    after = DeviceKey.objects.get()
    assert after.revoked_at is not None
    assert after.secret_hash == key.secret_hash
    assert "Revoked keys cannot get a new secret: gateway." in str(
        list(get_messages(response.wsgi_request))[-1]
    )


def test_records_show_times_as_moments_and_only_read(admin: Client) -> None:
    sensor = make_machine().sensors.get()
    row = ConflictingReading.objects.create(
        sensor=sensor,
        measured_at=NOON,
        received_at=NOON,
        value=1,
        quality=0,
        stored_value=2,
        stored_quality=0,
    )
    DeadLetter.objects.create(epoch="e", position="1-0", machine_id="X", payload="p", reason="why")

    shown = admin.get(page("conflictingreading"), {"q": "CNC-001"}).content.decode()

    assert "Nov. 23, 2026, noon" in shown
    assert "why" in admin.get(page("deadletter"), {"q": "why"}).content.decode()
    assert admin.get(page("conflictingreading", "change", row.pk)).status_code == 200
    assert admin.get(page("deadletter", "add")).status_code == 403
    assert admin.post(page("conflictingreading", "delete", row.pk)).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_admin_has_no_inline_script_or_style(admin: Client, model: str) -> None:
    shown = admin.get(page(model)).content.decode()

    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", shown)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", shown)
