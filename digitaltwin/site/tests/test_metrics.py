"""Access to the metrics, and their content."""

import os
from typing import Any

import pytest
from django.test import Client
from prometheus_client import Gauge, values
from prometheus_client.parser import text_string_to_metric_families

from digitaltwin.site import metric_files
from sensors.metrics import ROWS_STORED
from sensors.readers.registry import READERS, durable_readers, show_rows

METRICS = "/metrics"


def status(**headers: str) -> int:
    return Client().get(METRICS, headers=headers).status_code


def test_metrics_on_this_machine() -> None:
    ROWS_STORED.inc()

    response = Client().get(METRICS)

    names = {family.name for family in text_string_to_metric_families(response.content.decode())}
    assert response["Content-Type"].startswith("text/plain")
    assert {"digitaltwin_rows_stored", "digitaltwin_readings", "process_open_fds"} <= names


def rows(name: str) -> dict[str, float]:
    """Return the values of a metric by its reader."""
    families = text_string_to_metric_families(Client().get(METRICS).content.decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.labels["reader"]: sample.value for sample in samples if sample.name == name}


def test_metrics_have_a_row_for_every_registered_reader() -> None:
    assert rows("digitaltwin_reader_lag_entries").keys() >= READERS.keys()
    assert rows("digitaltwin_reader_lag_seconds").keys() >= READERS.keys()
    assert rows("digitaltwin_trimming_held_seconds").keys() >= set(durable_readers())


def test_row_of_a_registered_reader_gives_way_to_its_process(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metric_files.FOLDER, str(tmp_path / "metrics"))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    for host in ("working", "web"):
        monkeypatch.setattr(metric_files, "_HOST", host)
        metric_files.name_metric_files()
        gauges = [
            Gauge(name, "", ["reader"], registry=None, multiprocess_mode="mostrecent")
            for name in ("lag_entries", "lag_seconds", "held_seconds")
        ]
        show_rows(READERS.values(), lag=gauges[:2], held=gauges[2:])
        if host == "working":
            gauges[0].labels("history").set(5)

    assert rows("lag_entries") == dict.fromkeys(READERS, 0.0) | {"history": 5.0}
    assert rows("lag_seconds") == dict.fromkeys(READERS, 0.0)
    assert rows("held_seconds") == dict.fromkeys(durable_readers(), 0.0)


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
