"""Contract 4: sockets, as a client meets them."""

from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from digitaltwin.tests.contract.instance import BATCH_URL, Instance
from digitaltwin.tests.contract.rest.ingest import taken
from digitaltwin.tests.contract.rest.reads import LATEST, MACHINE, READING
from digitaltwin.tests.contract.walk import clause, expect, hold
from digitaltwin.tests.contract.wire import asked, machine_path, message, opened
from sensors.timestamps import format_us, now_us

MESSAGE = {"type", "machine_id", "timestamp", "cursor", "data"}
DASHBOARD = "/ws/dashboard"


def now_reading(here: Instance, **changes: Any) -> dict[str, Any]:
    return here.reading(timestamp=format_us(now_us()), **changes)


def values_until(client: ClientConnection, last: float) -> list[float]:
    """Receive the values of sensor updates up to this value."""
    found: list[float] = []
    while not found or found[-1] != last:
        update = message(client, "sensor_update")
        hold(len(update["data"]["readings"]) <= 500, "at most 500 readings a message")
        found += [one["value"] for one in update["data"]["readings"]]
    return found


def closed_with(here: Instance, path: str, **options: Any) -> int:
    """Return the close code of a socket that is accepted and closed before any data."""
    address = here.url.replace("http", "ws", 1) + path
    with connect(address, **options) as client:
        try:
            got = client.recv(timeout=1.5)
        except ConnectionClosed as exc:
            return exc.rcvd.code if exc.rcvd else 1006
    hold(False, f"closed before any data, got {got!r:.80}")
    return 0


@clause("sockets", "initial_data first, always; every message has its five members")
def _(here: Instance) -> None:
    taken(here, now_reading(here))
    with opened(here) as client:
        first = message(client)
        expect(first["type"], "initial_data", "the first message")
        expect(set(first), MESSAGE, "members")
        expect(first["machine_id"], here.machine, "machine_id")
        expect(set(first["data"]["readings"][0]), LATEST, "a latest reading")
        expect(first["data"]["alarms"], [], "alarms")
        expect(first["data"]["recovered"], False, "recovered")
        hold(first["cursor"], "a cursor")


@clause("sockets", "sensor_update: every accepted and late reading, in log order, soon")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    row = {"machine_id": machine_id, "sensor_type": "speed", "unit": "rpm"}
    with opened(here, f"/ws/machines/{machine_id}") as client:
        message(client)
        for value in range(10):
            taken(here, now_reading(here, **row, value=value))
        taken(here, here.reading(**row, value=99, timestamp="2026-01-01T00:00:00Z"))
        found = values_until(client, 99)
    expect(found, [*range(10), 99], "values")


@clause("sockets", "a sensor_update's readings and its cursor")
def _(here: Instance) -> None:
    with opened(here) as client:
        first = message(client)
        taken(here, now_reading(here))
        update = message(client, "sensor_update")
    expect(set(update), MESSAGE, "members")
    expect(set(update["data"]), {"readings", "skipped"}, "data")
    expect(set(update["data"]["readings"][0]), READING, "a reading")
    hold(update["cursor"] != first["cursor"], "the cursor moves")


@clause(
    "sockets",
    "resume by cursor: recovered, its cursor is the client's, all that was missed follows",
)
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("speed",))
    path = f"/ws/machines/{machine_id}"
    row = {"machine_id": machine_id, "sensor_type": "speed", "unit": "rpm"}
    taken(here, now_reading(here, **row, value=0))
    with opened(here, path) as client:
        cursor = message(client)["cursor"]
    first = now_us() - 3_000
    rows = [here.reading(**row, value=n, timestamp=format_us(first + n)) for n in range(1, 801)]
    expect(here.send({"readings": rows}, url=BATCH_URL).status_code, 201, "taken")
    with opened(here, f"{path}?cursor={cursor}") as client:
        greeting = message(client)
        expect(greeting["data"]["recovered"], True, "recovered")
        expect(greeting["cursor"], cursor, "its cursor is the client's")
        expect(values_until(client, 800), [*range(1, 801)], "what was missed")


@clause("sockets", "the dashboard: machines and readings at first, then the newest")
def _(here: Instance) -> None:
    with opened(here, DASHBOARD) as client:
        first = message(client)
        expect((first["type"], first["machine_id"]), ("initial_data", None), "the first message")
        expect(first["data"]["recovered"], True, "recovered")
        hold(any(set(one) == MACHINE for one in first["data"]["machines"]), "machines")
        taken(here, now_reading(here, value=44.5))
        while True:
            readings = message(client, "sensor_update")["data"]["readings"]
            if any(one["machine_id"] == here.machine and one["value"] == 44.5 for one in readings):
                return


@clause("sockets", "ping, get_latest; subscribe to exactly these machines and back")
def _(here: Instance) -> None:
    with opened(here, DASHBOARD) as client:
        message(client)
        hold("server_time" in asked(client, {"type": "ping"})["data"], "pong")
        client.send('{"type": "get_latest"}')
        expect(message(client, "latest")["type"], "latest", "get_latest")
        client.send(f'{{"type": "subscribe", "machine_ids": ["{here.machine}"]}}')
        subscribed = message(client, "subscribed")
        expect(subscribed["data"], {"machine_ids": [here.machine]}, "subscribed")
        expect(message(client, "initial_data")["machine_id"], here.machine, "its own greeting")
        taken(here, now_reading(here))
        expect(message(client, "sensor_update")["machine_id"], here.machine, "its own messages")
        client.send('{"type": "subscribe", "machine_ids": []}')
        expect(message(client, "initial_data")["machine_id"], None, "the dashboard again")


@clause("sockets", "heartbeat every interval: server_time, interval, feed, behind_seconds")
def _(here: Instance) -> None:
    with opened(here) as client:
        beat = message(client, "heartbeat", seconds=12)
    wanted = {"server_time", "interval", "feed", "behind_seconds"}
    expect(set(beat["data"]), wanted, "data")
    expect(beat["data"]["feed"], "live", "feed")


@clause("sockets", "4401 without a login or with a wrong token, 4404 for an unknown machine")
def _(here: Instance) -> None:
    good = {"additional_headers": {"Authorization": f"Bearer {here.token}"}}
    wrong = {"additional_headers": {"Authorization": "Bearer wrong"}}
    expect(closed_with(here, machine_path(here)), 4401, "without a login")
    expect(closed_with(here, machine_path(here), **wrong), 4401, "a wrong token")
    expect(closed_with(here, "/ws/machines/ZZZ-999", **good), 4404, "an unknown machine")
    expect(closed_with(here, "/ws/nothing", **good), 4404, "nothing there")


@clause("sockets", "more than 20 messages in 10 s: rate-limited; at 40: 4429")
def _(here: Instance) -> None:
    with opened(here) as client:
        message(client)
        codes: list[str] = []
        try:
            for _ in range(60):
                client.send('{"type": "ping"}')
            while True:
                codes.append(message(client)["data"].get("code", ""))
        except ConnectionClosed as exc:
            expect(exc.rcvd and exc.rcvd.code, 4429, "close code")
    hold(codes.count("") <= 20, f"at most 20 pongs, got {codes.count('')}")
    expect(set(codes) - {""}, {"rate-limited"}, "errors before")
