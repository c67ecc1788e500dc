"""Credentials of everybody in the matrix, as request headers."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from digitaltwin.tests.permissions.matrix import DEVICES
from sensors.access.device_keys import create_device_key, revoke_device_key
from sensors.access.user_tokens import new_refresh_token
from sensors.models import Machine
from sensors.tests.people import make_person, make_restricted, make_superuser

CSRF_SECRET = "c" * 32
CSRF_COOKIE = f"csrftoken={CSRF_SECRET}"
ROLES = ("viewer", "operator", "engineer", "admin")
Proof = dict[str, str]


def proof(who: str, by: str = "session") -> Proof:
    """Make the headers of a member of EVERYBODY; people authenticate by session or token."""
    if who == "nobody":
        return {}
    if who in DEVICES:
        return {"Authorization": f"Bearer {device_key(who)}"}
    user = person(who)
    found = session_of(user) if by == "session" else token_of(user)
    User.objects.filter(pk=user.pk).update(is_active=who != "deactivated")
    return found


def person(who: str) -> User:
    if who == "superuser":
        return make_superuser("root")
    return make_restricted("ada") if who == "restricted" else make_person("ada", *role_of(who))


def role_of(who: str) -> list[str]:
    return ["viewer"] if who == "deactivated" else [who] if who in ROLES else []


def session_of(user: User) -> Proof:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}; {CSRF_COOKIE}"}


def token_of(user: User) -> Proof:
    return {"Authorization": f"Bearer {new_refresh_token(user).access_token}"}


def device_key(who: str) -> str:
    machines = [] if who == "key for all" else Machine.objects.filter(machine_id="CNC-001")
    ends = timezone.now() - timedelta(seconds=1) if who == "expired key" else None
    key, token = create_device_key(
        name=who, machines=machines, all_machines=not machines, expires_at=ends
    )
    if who == "revoked key":
        revoke_device_key(key)
    return token
