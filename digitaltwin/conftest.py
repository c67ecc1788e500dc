"""Fixtures: a plant with a machine and a device key, running readers, and a device's client."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import psycopg
import pytest
from asgiref.sync import sync_to_async

from digitaltwin.asgi import application
from digitaltwin.tests.support.product import Product
from digitaltwin.tests.support.relay import Relay, relayed
from sensors.access.device_keys import create_device_key
from sensors.models import Machine, Sensor, SensorType
from sensors.readers.running import run_reader
from sensors.store.store import Store
from sensors.timestamps import format_us, now_us

URL = "/api/v1/sensors/readings"
BATCH_URL = f"{URL}/batch"
Sends = Callable[..., Any]


@pytest.fixture
async def history(transactional_db: None, store: Store) -> AsyncIterator[None]:
    """Run the history reader: with the log in memory every response waits for stored rows."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_reader("history", stop))
    yield
    stop.set()
    await task


@pytest.fixture
async def relay(product: Product) -> AsyncIterator[Relay]:
    """Provide a network that can fail, in front of the module's `product`."""
    async with relayed(product.url) as relay:
        yield relay


@pytest.fixture
def database_url() -> str:
    """Create a PostgreSQL database for a whole product; an empty address means SQLite."""
    cluster = os.environ.get("DATABASE_URL", "")
    if not cluster:
        return ""
    name = f"product_{secrets.token_hex(4)}"
    with psycopg.connect(cluster, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return f"{cluster.rpartition('/')[0]}/{name}"


def make_machine(machine_id: str = "CNC-001", *sensors: str, **fields: Any) -> Machine:
    """Create a machine with these sensors, by default temperature and speed."""
    machine = Machine.objects.create(machine_id=machine_id, **fields)
    for name in sensors or ("temperature", "speed"):
        slug, _, position = name.partition(".")
        quantity = SensorType.objects.get(slug=slug)
        Sensor.objects.create(machine=machine, sensor_type=quantity, position=position)
    return machine


@pytest.fixture
async def token(history: None) -> str:
    """Create the machine CNC-001 and a device key for all machines; provide the key."""
    await sync_to_async(make_machine)()
    _, token = await sync_to_async(create_device_key)(name="gateway", all_machines=True)
    return token


@pytest.fixture
async def device(token: str) -> AsyncIterator[httpx.AsyncClient]:
    """Provide the HTTP client of a device with a key for all machines."""
    app: Any = application
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://testserver",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


def reading(**changes: Any) -> dict[str, Any]:
    """Build a valid reading as a device sends it, measured now."""
    fields = {
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": 85.4,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
    }
    return fields | changes
