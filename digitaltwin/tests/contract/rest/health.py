"""Contract 3.2: health, live and ready."""

from digitaltwin.tests.contract.instance import Instance
from digitaltwin.tests.contract.rest.ingest import taken
from digitaltwin.tests.contract.rest.problems import expect_facts
from digitaltwin.tests.contract.walk import clause, expect, hold

CHECKS = {"database", "redis", "log", "readers", "broadcast", "dead_letters", "conflicts"}
LAG = {"lag_entries", "lag_seconds"}
COUNTERS = {"sensor_readings_processed", "sensor_readings_temperature"}


@clause("health", "/health without a login: status, version, uptime, checks, counters")
def _(here: Instance) -> None:
    taken(here, here.reading())
    answer = here.http.get("/api/v1/health")
    report = answer.json()
    expect(answer.status_code, 200, "status")
    expect(set(report), {"status", "version", "uptime_seconds", "checks", "counters"}, "members")
    hold(report["status"] in ("healthy", "degraded"), f"status {report['status']}")
    expect(set(report["checks"]), CHECKS, "checks")
    log = report["checks"]["log"]
    expect(set(log), {"entries", *LAG, "durable", "held_by", "held_since"}, "checks.log")
    expect((log["held_by"], log["held_since"]), (None, None), "no reader holds the log")
    readers = report["checks"]["readers"]
    hold(readers.keys() >= {"broadcast", "history"}, f"checks.readers: {sorted(readers)}")
    expect([set(lag) for lag in readers.values()], [LAG] * len(readers), "lags of the readers")
    hold(report["counters"].keys() >= COUNTERS, "counters")
    expect_facts(answer)


@clause("health", "/health/live and /health/ready without a login")
def _(here: Instance) -> None:
    for name in ("live", "ready"):
        expect(here.http.get(f"/api/v1/health/{name}").status_code, 200, name)


@clause("redis", "counters grow with what was processed")
def _(here: Instance) -> None:
    def processed() -> int:
        counters = here.http.get("/api/v1/health").json()["counters"]
        return int(counters["sensor_readings_processed"])

    before = processed()
    taken(here, here.reading())
    hold(processed() > before, "sensor_readings_processed grows")
