"""The deployment of docker-compose.yml, run by hand: in, out, a restart, and the end."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from websockets.sync.client import ClientConnection, connect

from digitaltwin.tests.support.compose_file import read_services
from digitaltwin.tests.support.composed import GIVEN, Composed, composed
from digitaltwin.tests.support.servers import ROOT, wait_for
from sensors.readers.registry import READERS
from sensors.timestamps import format_us, now_us

READINGS = "/api/v1/sensors/readings"
SEND_SECONDS = 10


def post(product: Composed, value: float) -> httpx.Response:
    body = {
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": value,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
    }
    key = {"Authorization": f"Bearer {product.facts['device_key']}"}
    return httpx.post(product.url + READINGS, json=body, headers=key, timeout=SEND_SECONDS)


def access(product: Composed) -> str:
    answer = httpx.post(f"{product.url}/api/v1/auth/token", json=product.facts["operator"])
    return str(answer.json()["access"])


def health(product: Composed) -> dict[str, Any]:
    report: dict[str, Any] = httpx.get(f"{product.url}/api/v1/health").json()
    return report


def stored(product: Composed) -> list[float]:
    url = product.environment("web")["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT value FROM sensors_reading ORDER BY measured_at")
        return [value for (value,) in rows.fetchall()]


def update(socket: ClientConnection) -> float:
    """The value of the next reading."""
    while True:
        message = json.loads(socket.recv(timeout=SEND_SECONDS))
        if message["type"] == "sensor_update":
            [reading] = message["data"]["readings"]
            return float(reading["value"])


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed(tmp_path_factory.mktemp("composed"), AUTO_REGISTER_MACHINES="true") as product:
        yield product


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.postgresql
def test_composed_reading_reaches_socket_health_and_database(product: Composed) -> None:
    assert post(product, 1.0).status_code == 201
    address = f"{product.url.replace('http', 'ws')}/ws/machines/CNC-001?token={access(product)}"

    with connect(address) as socket:
        assert post(product, 2.0).status_code == 201
        assert update(socket) == 2.0

    wait_for(lambda: stored(product) == [1.0, 2.0], what="both are in PostgreSQL")
    report = health(product)
    assert (report["status"], report["checks"]["log"]["durable"]) == ("healthy", True)
    assert report["counters"]["sensor_readings_processed"] == 2


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.postgresql
def test_composed_metrics_are_those_of_all_processes(product: Composed) -> None:
    taken = stored(product)
    assert post(product, 3.0).status_code == 201
    wait_for(lambda: len(stored(product)) > len(taken), what="it is in PostgreSQL")

    shown = httpx.get(f"{product.url}/metrics").text.splitlines()

    assert f"digitaltwin_rows_stored_total {len(taken) + 1:.1f}" in shown
    for reader in READERS:
        row = f'digitaltwin_reader_lag_entries{{reader="{reader}"}}'
        assert any(line.startswith(row) for line in shown)


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.postgresql
def test_composed_web_ends_with_0_and_comes_back(product: Composed) -> None:
    before = stored(product)

    assert product.stop("web") == 0
    product.start("web")

    assert post(product, 4.0).status_code == 201
    wait_for(lambda: stored(product) == [*before, 4.0], what="it is in PostgreSQL")


WORK = ["python", "manage.py", "work"]
WORK_OF_EACH = {reader: [*WORK, reader] for reader in READERS}


def test_every_reader_has_a_service_of_its_own() -> None:
    services = read_services(ROOT / "docker-compose.yml", GIVEN)

    commands = {name: service.get("command", []) for name, service in services.items()}

    assert {name: each for name, each in commands.items() if each[:3] == WORK} == WORK_OF_EACH


def test_every_reader_has_a_deployment_of_its_own() -> None:
    manifest = (ROOT / "docs" / "kubernetes" / "readers.yaml").read_text()

    commands = {}
    for deployment in yaml.safe_load_all(manifest):
        name = deployment["metadata"]["name"]
        pod = deployment["spec"]["template"]
        labels = {"app.kubernetes.io/name": "digitaltwin", "app.kubernetes.io/component": name}
        assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"] == labels
        [container] = pod["spec"]["containers"]
        assert container["name"] == name
        commands[name] = container["command"]

    assert commands == WORK_OF_EACH


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("docs/systemd/digitaltwin-reader@.service", r"digitaltwin-reader@(\w+)\.service"),
        ("docs/deployment.md", r"digitaltwin-reader@(\w+)"),
        ("docs/upgrade.md", r"docker compose up -d ([\w ]+) &&"),
    ],
)
def test_every_reader_is_named_in_the_document(path: str, pattern: str) -> None:
    lists = re.findall(pattern, (ROOT / path).read_text(encoding="utf-8"))

    assert sorted(" ".join(lists).split()) == sorted(READERS)


@pytest.mark.parametrize("name", ["SECRET_KEY", "POSTGRES_PASSWORD"])
def test_compose_file_asks_for_its_secrets(name: str) -> None:
    with pytest.raises(KeyError, match=f"{name}: make one with"):
        read_services(ROOT / "docker-compose.yml", GIVEN | {name: ""})
