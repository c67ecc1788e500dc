"""Contract 3.2: readings and machines out."""

from typing import Any

from digitaltwin.tests.contract.instance import URL, Instance
from digitaltwin.tests.contract.rest.ingest import taken
from digitaltwin.tests.contract.rest.problems import expect_facts, expect_problem
from digitaltwin.tests.contract.walk import clause, expect, hold
from sensors.timestamps import format_us, now_us, parse_rfc3339

READING = {
    *("id", "machine_id", "sensor_type", "value", "unit", "timestamp", "quality", "metadata"),
    *("received_at", "late"),
}
LATEST = READING | {"age_seconds", "stale"}
STATUS = {
    *("machine_id", "name", "kind", "site", "area", "line", "active", "connectivity"),
    *("last_seen_at", "alarms"),
}
MACHINE = STATUS | {"sensors"}
LIST = {"results", "next"}
ADDRESSES = (
    "/machines",
    "/machines/{}",
    "/machines/{}/latest",
    "/machines/{}/status",
    "/sensors/readings",
)


def seen(here: Instance, path: str, **query: Any) -> dict[str, Any]:
    answer = here.see(path, **query)
    expect(answer.status_code, 200, path)
    expect_facts(answer)
    return dict(answer.json())


@clause("reads", "reading, latest, machine and status have exactly their members")
def _(here: Instance) -> None:
    taken(here, here.reading(), url=f"{URL}?ack=stored")
    machine = seen(here, f"/machines/{here.machine}")
    expect(set(machine), MACHINE, "machine")
    expect(machine["alarms"], [], "alarms")
    for sensor in machine["sensors"]:
        expect(set(sensor), {"sensor_type", "unit", "stale_seconds", "latest"}, "sensor")
    latest = seen(here, f"/machines/{here.machine}/latest")
    expect(set(latest), {"machine_id", "server_time", "readings"}, "latest")
    expect(set(latest["readings"][0]), LATEST, "latest reading")
    expect(set(seen(here, f"/machines/{here.machine}/status")), STATUS, "status")
    page = seen(here, "/sensors/readings", machine_id=here.machine)
    expect(set(page), LIST, "list")
    expect(set(page["results"][0]), READING, "reading")


@clause("reads", "connectivity: never_seen, then online; not stale, and the age is the server's")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed", "temperature"))
    machine = seen(here, f"/machines/{machine_id}")
    expect((machine["connectivity"], machine["last_seen_at"]), ("never_seen", None), "before")
    expect([sensor["latest"] for sensor in machine["sensors"]], [None, None], "no value yet")
    now = format_us(now_us())
    taken(here, here.reading(machine_id=machine_id, timestamp=now))
    machine = seen(here, f"/machines/{machine_id}/status")
    expect(machine["connectivity"], "online", "after")
    expect(machine["last_seen_at"], now, "last seen")
    [latest] = seen(here, f"/machines/{machine_id}/latest")["readings"]
    hold(0 <= latest["age_seconds"] < 10 and latest["stale"] is False, f"young: {latest}")


@clause("reads", "connectivity: offline long after, stale between")
def _(here: Instance) -> None:
    for seconds, word in ((600, "stale"), (1000, "offline")):
        machine_id = here.new_machine(sensors=("speed",))
        stamp = format_us(now_us() - seconds * 1_000_000)
        sent = here.reading(machine_id=machine_id, sensor_type="speed", unit="rpm", timestamp=stamp)
        taken(here, sent)
        found = seen(here, f"/machines/{machine_id}")
        expect(found["connectivity"], word, f"{seconds} s after the last reading")
        expect(found["sensors"][0]["latest"]["stale"], True, "the value is stale")


@clause("reads", "age is never negative, also of a stamp from the future")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    stamp = format_us(now_us() + 100_000_000)
    sent = here.reading(machine_id=machine_id, sensor_type="speed", unit="rpm", timestamp=stamp)
    taken(here, sent)
    [latest] = seen(here, f"/machines/{machine_id}/latest")["readings"]
    hold(0 <= latest["age_seconds"] < 10, f"age {latest['age_seconds']}")


@clause("reads", "readings: newest first, start <= t < end, limit, next pages without a gap")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    first = now_us() - 50_000_000
    stamps = [format_us(first + n * 1_000_000) for n in range(25)]
    rows = [
        here.reading(machine_id=machine_id, sensor_type="speed", unit="rpm", value=n, timestamp=at)
        for n, at in enumerate(stamps)
    ]
    body = {"readings": rows}
    expect(here.send(body, url=f"{URL}/batch?ack=stored").status_code, 201, "taken")
    query = {"machine_id": machine_id, "sensor_type": "speed"}
    page = seen(here, "/sensors/readings", **query, limit=10)
    found = list(page["results"])
    expect(len(found), 10, "limit")
    headers = {"Authorization": f"Bearer {here.token}"}
    while page["next"]:
        page = here.http.get(page["next"], headers=headers).json()
        found += page["results"]
    expect([one["timestamp"] for one in found], stamps[::-1], "all, newest first")
    part = seen(here, "/sensors/readings", **query, start=stamps[5], end=stamps[10])
    expect([one["timestamp"] for one in part["results"]], stamps[9:4:-1], "start <= t < end")
    abroad = stamps[5].replace("Z", "+00:00")
    same = seen(here, "/sensors/readings", **query, start=abroad, end=stamps[10])
    expect(same["results"], part["results"], "with another offset")


@clause("reads", "limit 1-1000, default 100")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    first = now_us() - 50_000_000
    rows = [
        here.reading(
            machine_id=machine_id,
            sensor_type="speed",
            unit="rpm",
            timestamp=format_us(first + n * 1000),
        )
        for n in range(120)
    ]
    here.send({"readings": rows}, url=f"{URL}/batch?ack=stored")
    for limit, count in ((None, 100), (1, 1), (1000, 120)):
        query = {} if limit is None else {"limit": limit}
        found = seen(here, "/sensors/readings", machine_id=machine_id, **query)["results"]
        expect(len(found), count, f"limit {limit}")


@clause("reads", "machines: a list with pages, each machine once")
def _(here: Instance) -> None:
    here.new_machine(sensors=("speed",))
    page = seen(here, "/machines", limit=1)
    expect(len(page["results"]), 1, "limit")
    hold(page["next"], "there are more")
    headers = {"Authorization": f"Bearer {here.token}"}
    names = [page["results"][0]["machine_id"]]
    while page["next"]:
        page = here.http.get(page["next"], headers=headers).json()
        names += [one["machine_id"] for one in page["results"]]
    expect(names, sorted(set(names)), "each once")
    hold(here.machine in names, "ours is there")


@clause("reads", "an unknown machine is 404 everywhere; without a login all is 401 as a problem")
def _(here: Instance) -> None:
    for path in ADDRESSES[1:4]:
        expect_problem(here.see(path.format("ZZZ-999")), 404, "unknown-machine")
    for path in ADDRESSES:
        answer = here.http.get("/api/v1" + path.format(here.machine))
        expect_problem(answer, 401, "unauthenticated")
        hold("www-authenticate" in answer.headers, "WWW-Authenticate")


@clause("reads", "a session sees what a token sees; a device key sees nothing")
def _(here: Instance) -> None:
    for path in ADDRESSES:
        full = "/api/v1" + path.format(here.machine)
        expect(here.admin.get(full).status_code, 200, f"{path} by session")
        answer = here.http.get(full, headers={"Authorization": f"Bearer {here.key}"})
        expect_problem(answer, 401, "unauthenticated")


@clause("api", "no trailing slash, no method that is not there, nothing at other addresses")
def _(here: Instance) -> None:
    expect_problem(here.see("/machines/"), 404, "not-found")
    expect_problem(here.see("/nothing"), 404, "not-found")
    headers = {"Authorization": f"Bearer {here.token}"}
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = here.http.request(method, "/api/v1/machines", headers=headers)
        expect_problem(answer, 405, "method-not-allowed")


@clause("api", "times go out in UTC with Z and six digits; JSON is UTF-8")
def _(here: Instance) -> None:
    latest = seen(here, f"/machines/{here.machine}/latest")
    stamps = [latest["server_time"], *(one["received_at"] for one in latest["readings"])]
    for stamp in stamps:
        expect(format_us(parse_rfc3339(stamp)), stamp, "a time")
