"""The command `device_key`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sensors.access.device_keys import secret_hash
from sensors.models import DeviceKey
from sensors.tests.people import make_machine

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """What the command prints on stdout."""
    out = StringIO()
    call_command("device_key", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def is_secret_of(name: str, printed: str) -> bool:
    key = DeviceKey.objects.get(name=name)
    prefix, _, secret = printed.strip().partition(".")
    return prefix == f"dt_{key.prefix}" and secret_hash(secret) == key.secret_hash


def test_create_prints_the_key_alone() -> None:
    printed = run("create", "gateway", "--all-machines")

    assert is_secret_of("gateway", printed)
    assert DeviceKey.objects.get().all_machines


def test_create_for_named_machines_until_a_day() -> None:
    make_machine("CNC-001")
    make_machine("CNC-002")

    run("create", "gateway", "--machine", "CNC-002", "--expires", "2099-01-01T00:00:00Z")

    key = DeviceKey.objects.get()
    assert [machine.machine_id for machine in key.machines.all()] == ["CNC-002"]
    assert f"{key.expires_at:%Y-%m-%d}" == "2099-01-01"
    assert not key.all_machines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "taken", "--all-machines"], "A key taken exists already"),
        (["create", "new", "--machine", "CNC-009"], "There is no machine CNC-009"),
        (["create", "new", "--all-machines", "--expires", "soon"], "--expires"),
        (
            ["create", "new", "--all-machines", "--expires", "2001-01-01T00:00:00Z"],
            "is in the past",
        ),
        (["create", "", "--all-machines"], "1 to 100 characters"),
        (["create", "new"], "required"),
        (["create", "new", "--machine", "CNC-001", "--all-machines"], "not allowed with"),
        (["rotate", "nobody"], "There is no key nobody"),
        (["revoke", "nobody"], "There is no key nobody"),
        ([], "required"),
    ],
)
def test_wrong_arguments_in_a_sentence(arguments: list[str], message: str) -> None:
    run("create", "taken", "--all-machines")

    with pytest.raises(CommandError, match=message):
        run(*arguments)

    assert DeviceKey.objects.count() == 1


def test_rotate_prints_another_secret() -> None:
    first = run("create", "gateway", "--all-machines")

    second = run("rotate", "gateway")

    assert second != first
    assert is_secret_of("gateway", second)
    assert not is_secret_of("gateway", first)


def test_revoked_stays_revoked() -> None:
    run("create", "gateway", "--all-machines")

    run("revoke", "gateway")

    assert DeviceKey.objects.get().revoked_at is not None
    for action in ("revoke", "rotate"):
        with pytest.raises(CommandError, match="revoked"):
            run(action, "gateway")


def test_list_shows_no_secret() -> None:
    make_machine("CNC-001")
    secret = run("create", "one", "--machine", "CNC-001").strip().partition(".")[2]
    run("create", "two", "--all-machines")

    listed = run("list")

    assert [line.split("\t")[0] for line in listed.splitlines()] == ["one", "two"]
    assert listed.splitlines()[0].endswith("valid\tCNC-001")
    assert secret not in listed
