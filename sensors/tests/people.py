"""People, machines and readings of tests that are not async."""

import asyncio
from collections.abc import Callable, Sequence

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from sensors.messages import LiveReading
from sensors.models import Machine, ScopeRestriction, Sensor, SensorType
from sensors.scopes import Place
from sensors.store.store import Store

PASSWORD = "correct horse battery staple"
STATES = ("superuser", "viewer", "stranger", "anonymous")
# The place that a restricted user may see, and one that he may not.
SEEN, HIDDEN = Place("North", "Hall 1", "Line A"), Place("North", "Hall 1", "Line B")


def make_person(name: str, *roles: str) -> User:
    """A user with these roles: viewer, operator, engineer, admin."""
    user = User.objects.create_user(name, password=PASSWORD)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def make_viewer(name: str = "viewer") -> User:
    """A user who may see machines and nothing else."""
    return make_person(name, "viewer")


def make_restricted(name: str = "restricted", *places: Place) -> User:
    """A viewer who may see these places alone (`SEEN`)."""
    user = make_viewer(name)
    restrict(user, *(places or (SEEN,)))
    return user


def restrict(holder: User | Group, *places: Place) -> None:
    """Let the user, or the members of the group, see these places alone."""
    name = "user" if isinstance(holder, User) else "group"
    for place in places:
        ScopeRestriction.objects.create(**{name: holder}, **place._asdict())


def make_stranger(name: str = "stranger") -> User:
    return make_person(name)


def make_superuser(name: str = "superuser") -> User:
    return User.objects.create_superuser(name, password=PASSWORD)


def client_of(who: str) -> Client:
    """A browser in which one of STATES, or "restricted", is logged in."""
    client = Client()
    if who != "anonymous":
        makers: dict[str, Callable[[], User]] = {
            "superuser": make_superuser,
            "viewer": make_viewer,
            "restricted": make_restricted,
            "stranger": make_stranger,
        }
        client.force_login(makers[who]())
    return client


def make_machine(machine_id: str = "CNC-001", *sensors: str, **fields: str) -> Machine:
    """A machine with sensors such as `temperature` or `vibration.drive_end`."""
    machine = Machine.objects.create(machine_id=machine_id, **fields)
    for name in sensors or ("temperature",):
        slug, _, position = name.partition(".")
        Sensor.objects.create(
            machine=machine, sensor_type=SensorType.objects.get(slug=slug), position=position
        )
    return machine


def log_readings(*readings: LiveReading) -> str:
    """Append them as one request; the position of its entry."""
    return asyncio.run(_append(readings))


def mark_stored(position: str) -> None:
    """As the history reader does after its commit."""
    asyncio.run(_mark_stored(position))


async def _append(readings: Sequence[LiveReading]) -> str:
    store = Store(settings.REDIS_URL)
    receipt = await store.log.append(readings)
    await store.aclose()
    return receipt.position or ""


async def _mark_stored(position: str) -> None:
    store = Store(settings.REDIS_URL)
    await store.progress.mark("history", await store.log.epoch(), position)
    await store.aclose()
