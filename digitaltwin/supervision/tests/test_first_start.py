"""The first user and key, at the first start and at later starts."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessLog
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from digitaltwin.first_start import delete_old_logins, ensure_credentials
from sensors.devices.simulation.plant import Plant
from sensors.management.demo_plant import register
from sensors.models import DeviceKey, Machine
from sensors.tests.people import make_person

pytestmark = pytest.mark.django_db
URL = "http://127.0.0.1:8000"


def start(kept: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], bool]:
    facts: dict[str, Any] = {"url": URL, "pid": 7, "may_rotate": False}
    return ensure_credentials(kept, **facts | changes)


def test_first_start_makes_a_user_and_a_key_for_all_machines() -> None:
    kept, made = start({})

    admin = get_user_model().objects.get(username="admin")
    assert made
    assert admin.is_superuser
    assert admin.check_password(kept["operator"]["password"])
    assert DeviceKey.objects.get(name="bootstrap").all_machines
    assert kept["device_key"].startswith("dt_")


def test_first_user_sees_the_plant_and_manages_everybody() -> None:
    kept, _ = start({})
    browser = Client()
    login = browser.post("/login/", kept["operator"])
    user = make_person("vera", "viewer")

    assert (login.status_code, login["Location"]) == (302, "/")
    for address in ("/", "/api/v1/machines", "/admin/", f"/admin/auth/user/{user.pk}/change/"):
        assert browser.get(address).status_code == 200


def test_user_called_admin_is_left_alone() -> None:
    admin = make_person("admin", "viewer")

    kept, _ = start({})

    admin.refresh_from_db()
    assert kept["operator"] is None
    assert not admin.is_superuser


def test_later_start_keeps_them_and_says_where_it_is() -> None:
    first, _ = start({})

    second, made = start(first, url="http://127.0.0.1:9000", pid=8)

    assert not made
    assert second == first | {"url": "http://127.0.0.1:9000", "pid": 8}


def test_sessions_that_are_over_and_old_logins_are_deleted() -> None:
    user = make_person("vera")
    for browser in (Client(), Client()):
        browser.force_login(user)
    over = Session.objects.all()[0]
    Session.objects.filter(pk=over.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    old = AccessLog.objects.all()[0]
    AccessLog.objects.filter(pk=old.pk).update(attempt_time=timezone.now() - timedelta(days=91))
    sessions, logins = Session.objects.count(), AccessLog.objects.count()

    delete_old_logins()

    assert not Session.objects.filter(pk=over.pk).exists()
    assert not AccessLog.objects.filter(pk=old.pk).exists()
    assert (Session.objects.count(), AccessLog.objects.count()) == (sessions - 1, logins - 1)


def test_lost_file_leaves_users_and_keys_alone() -> None:
    start({})
    before = DeviceKey.objects.get().secret_hash

    kept, made = start({})

    assert (kept["operator"], kept["device_key"], made) == (None, None, False)
    assert DeviceKey.objects.get().secret_hash == before


def test_lost_file_of_the_demo_gets_a_new_key() -> None:
    start({})
    before = DeviceKey.objects.get().secret_hash

    kept, _ = start({}, may_rotate=True)

    assert kept["device_key"]
    assert DeviceKey.objects.get().secret_hash != before


def test_simulated_plant_is_registered_once_and_left_as_it_is() -> None:
    plant = Plant(machines=6)
    register(plant)
    machine = Machine.objects.get(machine_id="CNC-001")
    machine.name = "Our own name"
    machine.save()

    register(plant)

    machine = Machine.objects.get(machine_id="CNC-001")
    assert (machine.name, machine.line, machine.kind) == (
        "Our own name",
        "Line 1",
        "machining centre",
    )
    assert sorted(sensor.name for sensor in machine.sensors.all()) == [
        "humidity",
        "pressure",
        "speed",
        "temperature",
        "vibration.drive_end",
    ]
