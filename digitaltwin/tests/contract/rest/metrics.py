"""`/metrics`: the names of docs/metrics.md."""

from prometheus_client.parser import text_string_to_metric_families

from digitaltwin.tests.contract.instance import Instance
from digitaltwin.tests.contract.walk import NotHere, clause, hold

NAMES = {
    "digitaltwin_readings",
    "digitaltwin_refusals",
    "digitaltwin_ingest_seconds",
    "digitaltwin_log_commit_seconds",
    "digitaltwin_log_commit_size",
    "digitaltwin_reader_lag_entries",
    "digitaltwin_reader_lag_seconds",
    "digitaltwin_trimming_held_seconds",
    "digitaltwin_rows_stored",
    "digitaltwin_websocket_connections",
    "digitaltwin_frames",
    "digitaltwin_delivery_seconds",
    "digitaltwin_dropped",
    "digitaltwin_script_errors",
}


@clause("metrics", "/metrics: Prometheus text for the whole machine, with our names")
def _(here: Instance) -> None:
    answer = here.http.get("/metrics")
    if answer.status_code in (401, 404):
        raise NotHere("METRICS_TOKEN is set, or ENABLE_METRICS is off")
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    missing = NAMES - families.keys()
    hold(not missing, f"missing: {sorted(missing)}")
    outcomes = {sample.labels.get("outcome") for sample in families["digitaltwin_readings"].samples}
    hold({"accepted", "duplicate", "late", "conflict", "refused"} <= outcomes, f"got {outcomes}")
    hold(any(name.startswith("django_") for name in families), "Django's own")


@clause("metrics", "/metrics only for a loopback peer that speaks for nobody else")
def _(here: Instance) -> None:
    answer = here.http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    hold(answer.status_code in (401, 403, 404), f"refused, got {answer.status_code}")
