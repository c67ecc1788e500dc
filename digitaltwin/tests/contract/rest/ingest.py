"""Contract 3 and 3.1: one reading in."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from digitaltwin.tests.contract.instance import BATCH_URL, URL, Instance
from digitaltwin.tests.contract.rest.problems import expect_facts, expect_problem
from digitaltwin.tests.contract.walk import NotHere, clause, expect, hold
from sensors.timestamps import format_us, now_us, parse_rfc3339

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
# (unit sent, value sent, sensor, value in the sensor's unit)
UNITS = [
    *((unit, 21.5, "temperature", 21.5) for unit in ("Cel", "celsius", "°C", "C")),
    *((unit, 212, "temperature", 100.0) for unit in ("[degF]", "fahrenheit", "°F", "F")),
    *((unit, 300.15, "temperature", 27.0) for unit in ("K", "kelvin")),
    *((unit, 600, "speed", 600.0) for unit in ("rpm", "1/min", "/min")),
    ("Hz", 10, "speed", 600.0),
    *((unit, 55, "humidity", 55.0) for unit in ("%", "percent")),
    ("mm/s", 2.5, "vibration", 2.5),
    ("m/s", 0.5, "vibration", 500.0),
    ("in/s", 1, "vibration", 25.4),
]


def stored(here: Instance, sent: dict[str, Any]) -> dict[str, Any]:
    """Read the stored reading back by the read API."""
    query = {"machine_id": sent["machine_id"], "sensor_type": sent["sensor_type"]}
    start = parse_rfc3339(sent["timestamp"])
    end = format_us(start + 1)
    answer = here.see("/sensors/readings", **query, start=format_us(start), end=end)
    expect(answer.status_code, 200, "reading it again")
    [found] = answer.json()["results"]
    return dict(found)


def taken(here: Instance, sent: dict[str, Any], *, url: str = URL) -> httpx.Response:
    answer = here.send(sent, url=url)
    expect(answer.status_code, 201, f"the reading {sent} is taken")
    return answer


@clause("ingest", "201 with the reading as sent, id, received_at, processed_at and status")
def _(here: Instance) -> None:
    sent = here.reading(metadata={"location": "workshop_1", "calibrated": True}, quality="good")
    answer = taken(here, sent)
    body = answer.json()
    received_at, processed_at = body.pop("received_at"), body.pop("processed_at")
    measured_at = parse_rfc3339(sent["timestamp"])
    identity = f"{sent['machine_id']}_temperature_{measured_at}"
    expect(body, sent | {"id": identity, "status": "accepted"}, "the answer")
    hold(INSTANT.fullmatch(received_at), f"received_at {received_at}")
    hold(INSTANT.fullmatch(processed_at), f"processed_at {processed_at}")
    hold(received_at <= processed_at, "received before processed")
    expect(answer.headers["content-type"], "application/json", "content type")
    expect_facts(answer)


@clause("ingest", "quality defaults to good; metadata to none")
def _(here: Instance) -> None:
    body = taken(here, here.reading()).json()
    expect((body["quality"], body["metadata"]), ("good", {}), "defaults")


@clause("ingest", "the answer repeats what was sent; what is read later is in the sensor's unit")
def _(here: Instance) -> None:
    for unit, value, sensor, wanted in UNITS:
        sent = here.reading(sensor_type=sensor, unit=unit, value=value)
        body = taken(here, sent, url=f"{URL}?ack=stored").json()
        expect((body["value"], body["unit"]), (value, unit), "the answer repeats")
        found = stored(here, sent)
        hold(abs(found["value"] - wanted) < 1e-9, f"{value} {unit} is {wanted}, got {found}")
    expect(found["unit"], "mm/s", "the sensor's unit")


@clause("ingest", "poor reads uncertain")
def _(here: Instance) -> None:
    sent = here.reading(quality="poor")
    expect(taken(here, sent, url=f"{URL}?ack=stored").json()["quality"], "poor", "the answer")
    expect(stored(here, sent)["quality"], "uncertain", "read later")


@clause("ingest", "value null only with quality bad")
def _(here: Instance) -> None:
    sent = here.reading(value=None, quality="bad")
    taken(here, sent, url=f"{URL}?ack=stored")
    found = stored(here, sent)
    expect((found["value"], found["quality"]), (None, "bad"), "read later")
    for quality in ("good", "uncertain", "poor"):
        expect_problem(here.send(here.reading(value=None, quality=quality)), 400, "wrong-type")


@clause("ingest", "a sensor at a position")
def _(here: Instance) -> None:
    taken(here, here.reading(sensor_type="vibration.drive_end", unit="mm/s", value=1))


@clause("ingest", "an own or type range; outside it out-of-range with its text")
def _(here: Instance) -> None:
    answer = here.send(here.reading(value=250))
    expect_problem(answer, 400, "out-of-range")
    text = "Temperature must be between -50 and 200 Cel, got 250"
    expect(answer.json()["errors"][0]["detail"], text, "detail")
    expect_problem(here.send(here.reading(unit="F", value=400)), 400, "out-of-range")
    taken(here, here.reading(value=200))
    taken(here, here.reading(value=-50))


@clause("ingest", "late: older than the latest; stored, never moves the latest")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    new = here.reading(machine_id=machine_id, sensor_type="speed", unit="rpm", value=7)
    old = new | {"timestamp": "2026-01-01T00:00:00Z", "value": 8}
    taken(here, new)
    answer = taken(here, old, url=f"{URL}?ack=stored")
    expect(answer.json()["status"], "late", "status")
    hold(stored(here, old)["late"], "stored as late")
    [latest] = here.see(f"/machines/{machine_id}/latest").json()["readings"]
    expect(latest["value"], 7, "the latest stays")


@clause("ingest", "duplicate: 200, same id, nothing stored again; metadata is not compared")
def _(here: Instance) -> None:
    sent = here.reading()
    first = taken(here, sent)
    for again in (sent, sent | {"metadata": {"try": 2}}):
        answer = here.send(again)
        expect((answer.status_code, answer.json()["status"]), (200, "duplicate"), "again")
        expect(answer.json()["id"], first.json()["id"], "the id")


@clause("ingest", "conflicting-duplicate: 409 for another value or quality, the first stays")
def _(here: Instance) -> None:
    sent = here.reading()
    taken(here, sent, url=f"{URL}?ack=stored")
    for changes in ({"value": 22}, {"quality": "uncertain"}):
        expect_problem(here.send(sent | changes), 409, "conflicting-duplicate")
    expect(stored(here, sent)["value"], 21.5, "the first stays")


@clause("ingest", "the same reading 30 times at once is taken once")
def _(here: Instance) -> None:
    sent = here.reading()
    with ThreadPoolExecutor(10) as pool:
        codes = sorted(pool.map(lambda _: here.send(sent).status_code, range(30)))
    expect(codes, [200] * 29 + [201], "statuses")


@clause(
    "3.1", "403 machine-not-allowed, also for a machine that is not there; 404 to a key for all"
)
def _(here: Instance) -> None:
    key = here.new_key(machines=(here.machine,))
    expect(here.send(here.reading(), key=key).status_code, 201, "its own machine")
    foreign = here.new_machine(sensors=("speed",))
    for machine_id in (foreign, "ZZZ-999", here.retired):
        answer = here.send(here.reading(machine_id=machine_id), key=key)
        expect_problem(answer, 403, "machine-not-allowed")
    if here.registers:
        raise NotHere("AUTO_REGISTER_MACHINES makes unknown machines")
    expect_problem(here.send(here.reading(machine_id="ZZZ-999")), 404, "unknown-machine")


@clause("ingest", "409 machine-retired")
def _(here: Instance) -> None:
    expect_problem(here.send(here.reading(machine_id=here.retired)), 409, "machine-retired")


@clause("api", "checked in this order: 405, 401, 415, 413, 400, 403/404/409, 409")
def _(here: Instance) -> None:
    wrong = {"Authorization": "Bearer dt_0.0", "Content-Type": "text/plain"}
    answer = here.http.put(URL, content=b"{", headers=wrong)
    expect_problem(answer, 405, "method-not-allowed")
    hold("POST" in answer.headers["allow"], "Allow names POST")
    expect_problem(here.http.post(URL, content=b"{", headers=wrong), 401, "unauthenticated")
    large = b"{" + b" " * (1024 * 1024 + 1)
    text = here.send(large, Content_Type="text/plain")
    expect_problem(text, 415, "unsupported-media-type")
    expect_problem(here.send(large), 413, "body-too-large")
    both = here.reading(machine_id=here.retired, value="x")
    expect_problem(here.send(both), 400, "wrong-type")
    conflict = here.reading()
    taken(here, conflict)
    rows = [conflict | {"value": 1}, here.reading(machine_id=here.retired)]
    expect_problem(here.send({"readings": rows}, url=BATCH_URL), 409, "machine-retired")


@clause("ingest", "429 rate-limited at exactly the limit; Retry-After, RateLimit-Policy, RateLimit")
def _(here: Instance) -> None:
    key = here.new_key(all_machines=True)
    answer = here.send(here.reading(), key=key)
    policy = re.fullmatch(r'"[^"]+";q=(\d+);w=(\d+)', answer.headers.get("ratelimit-policy", ""))
    hold(policy, "RateLimit-Policy is missing")
    left = re.fullmatch(r'"[^"]+";r=(\d+);t=(\d+)', answer.headers.get("ratelimit", ""))
    hold(left, "RateLimit is missing")
    assert left
    remaining = int(left[1])
    if remaining > 1000:
        raise NotHere(f"the headers are there; {remaining} more requests would be too many")
    sent = [here.reading() for _ in range(remaining + 40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: here.send(one, key=key), sent))
    refused = [one for one in answers if one.status_code == 429]
    expect(len(refused), 40, "how many were refused")
    expect_problem(refused[0], 429, "rate-limited")
    hold(int(refused[0].headers["retry-after"]) >= 1, "Retry-After")
    hold("ratelimit" in refused[0].headers, "RateLimit on a refusal")


@clause("ingest", "?ack=stored: 201 after the row is in the database; ?ack=logged is the default")
def _(here: Instance) -> None:
    sent = here.reading()
    answer = here.send(sent, url=f"{URL}?ack=stored")
    hold(answer.status_code in (201, 202), f"status {answer.status_code}")
    if answer.status_code == 202:
        expect(answer.json()["stored"], False, "stored, in a 202")
    else:
        expect(stored(here, sent)["value"], 21.5, "the row")
    expect(here.send(here.reading(), url=f"{URL}?ack=logged").status_code, 201, "ack=logged")


@clause("api", "Accept is ignored on ingest; X-Request-ID is echoed if it is fit")
def _(here: Instance) -> None:
    answer = here.send(here.reading(), Accept="text/html", X_Request_ID="job-7_a.b")
    expect(answer.headers["content-type"], "application/json", "content type")
    expect(answer.headers["x-request-id"], "job-7_a.b", "X-Request-ID")


@clause("api", "problem types have a page that explains them")
def _(here: Instance) -> None:
    kind = here.send(here.reading(value="x")).json()["type"]
    answer = here.http.get(kind)
    expect(answer.status_code, 200, kind)
    hold("wrong-type" in answer.text, "the page names its code")


@clause(
    "ingest", "newest wins by the earlier of measured and received: a future stamp is overtaken"
)
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    ahead = here.reading(machine_id=machine_id, sensor_type="speed", unit="rpm", value=1)
    taken(here, ahead | {"timestamp": format_us(now_us() + 200_000_000)})
    taken(here, ahead | {"timestamp": format_us(now_us()), "value": 2})
    [latest] = here.see(f"/machines/{machine_id}/latest").json()["readings"]
    expect(latest["value"], 2, "the latest")
