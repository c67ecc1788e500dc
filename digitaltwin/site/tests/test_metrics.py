"""Access to the metrics, and their content."""

import os
from typing import Any

import pytest
from django.test import Client
from prometheus_client import Gauge, values
from prometheus_client.parser import text_string_to_metric_families

from digitaltwin.site import metric_files
from sensors.metrics import ROWS_STORED

METRICS = "/metrics"


def status(**headers: str) -> int:
    return Client().get(METRICS, headers=headers).status_code


def test_metrics_on_this_machine() -> None:
    ROWS_STORED.inc()

    response = Client().get(METRICS)

    names = {family.name for family in text_string_to_metric_families(response.content.decode())}
    assert response["Content-Type"].startswith("text/plain")
    assert {"digitaltwin_rows_stored", "digitaltwin_readings", "process_open_fds"} <= names


def test_metrics_of_django_count_its_answers() -> None:
    answers = 'django_http_responses_total_by_status_view_method_total{method="GET"'
    Client().get(f"{METRICS}?first")

    lines = Client().get(METRICS).content.decode().splitlines()

    assert any(line.startswith(answers) and 'view="metrics"' in line for line in lines)


def test_metrics_without_a_proxy_that_ends_tls(settings: Any) -> None:
    """This machine asks the web process itself, not its public address."""
    settings.SECURE_SSL_REDIRECT = True

    assert status() == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", ""])
def test_metrics_not_for_another_machine(address: str) -> None:
    assert Client(REMOTE_ADDR=address).get(METRICS).status_code == 403


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For"])
def test_metrics_not_through_a_proxy(header: str) -> None:
    assert status(**{header: "127.0.0.1"}) == 403


@pytest.mark.parametrize(
    ("given", "expected"), [("Bearer right", 200), ("Bearer wrong", 401), ("right", 401), ("", 401)]
)
def test_metrics_with_a_token(settings: Any, given: str, expected: int) -> None:
    settings.METRICS_TOKEN = "right"

    response = Client(REMOTE_ADDR="192.0.2.7").get(METRICS, headers={"Authorization": given})

    assert response.status_code == expected


@pytest.mark.django_db
def test_metrics_switched_off(settings: Any) -> None:
    settings.ENABLE_METRICS = False

    assert status() == 404


def test_metrics_of_all_processes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    assert Client().get(METRICS).content == b""


def test_metric_files_of_two_machines_lie_beside_each_other(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers share a folder, and each container has a process with pid 1."""
    monkeypatch.setenv(metric_files.FOLDER, str(tmp_path / "metrics"))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    counts = {}
    for host, sockets in (("one", 2.0), ("two", 3.0)):
        monkeypatch.setattr(metric_files, "_HOST", host)
        metric_files.name_metric_files()
        gauge = Gauge("open_sockets", "", registry=None, multiprocess_mode="livesum")
        gauge.set(sockets)
        counts[host] = Client().get(METRICS).content.decode().splitlines()[-1]

    metric_files.remove_gauges(os.getpid(), folder=str(tmp_path / "metrics"))

    assert counts == {"one": "open_sockets 2.0", "two": "open_sockets 5.0"}
    assert "open_sockets 2.0" in Client().get(METRICS).content.decode().splitlines()
