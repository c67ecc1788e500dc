"""The protocol of the sockets, for programs and pages, on each server of the product."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from django.conf import settings

from digitaltwin.tests.support.live import SERVERS, Live, SocketLine, prepare, serving
from digitaltwin.tests.support.servers import example, stop, wait_for
from sensors.store.client import is_memory, make_sync_client
from sensors.tests.people import PASSWORD

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Prepare a folder and its database, which both servers serve one after the other."""
    data = tmp_path_factory.mktemp("plant")
    return data, prepare(data)


@pytest.fixture(scope="module", params=SERVERS)
def live(request: pytest.FixtureRequest, plant: tuple[Path, dict[str, Any]]) -> Iterator[Live]:
    if not is_memory(settings.REDIS_URL):
        with make_sync_client(settings.REDIS_URL) as client:
            client.flushall()
    with serving(request.param, *plant) as live:
        yield live


@pytest.fixture
def machine(live: Live) -> str:
    return live.new_machine()


# Handshake


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_foreign_page_is_refused_with_http_403(live: Live, origin: str | None) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with live.by_session("/ws/dashboard", origin=origin):
            pass

    assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    ("opened", "code"),
    [
        (lambda live: live.anonymous("/ws/dashboard"), 4401),
        (lambda live: live.anonymous("/ws/machines/ZZZ-999?token=wrong"), 4401),
        (lambda live: live.by_session("/ws/dashboard", "stranger"), 4403),
        (lambda live: live.by_session("/ws/machines/ZZZ-999"), 4404),
        (lambda live: live.by_token("/ws/machines/a%2Fb"), 4404),
        (lambda live: live.by_token("/ws/other"), 4404),
        (lambda live: live.by_token("/"), 4404),
    ],
)
async def test_refusal_accepts_then_closes_before_any_data(
    live: Live, opened: Callable[[Live], SocketLine], code: int
) -> None:
    async with opened(live) as line:
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(line.socket.recv(), 1)

        assert line.socket.close_code == code


async def test_session_and_token_open_a_socket(live: Live, machine: str) -> None:
    path = f"/ws/machines/{machine}"
    async with (
        live.by_session(path) as page,
        live.by_token(path) as program,
        live.anonymous(f"{path}?token={live.token}") as other,
    ):
        greetings = [await line.next("initial_data") for line in (page, program, other)]

    assert [greeting["machine_id"] for greeting in greetings] == [machine] * 3


async def test_compression_is_not_accepted(live: Live) -> None:
    async with live.by_token("/ws/dashboard", compression="deflate") as line:
        assert line.socket.response is not None
        assert "Sec-WebSocket-Extensions" not in line.socket.response.headers


async def test_token_that_expires_closes_its_socket(live: Live, machine: str) -> None:
    expires = int(time.time()) + 3

    async with live.anonymous(f"/ws/dashboard?token={live.token_until(expires)}") as line:
        code, _ = await line.close_code()

    assert code == 4401
    assert 0 <= time.time() - expires < 2


# Readings


async def test_machine_socket_sees_every_reading_once_and_in_order(
    live: Live, machine: str
) -> None:
    async with live.by_token(f"/ws/machines/{machine}") as line:
        greeting = await line.next("initial_data")
        for at in range(0, 60, 3):
            await asyncio.to_thread(live.post, machine, *map(float, range(at, at + 3)))
        values = await line.values(60)
        is_silent = await line.is_silent()

    assert greeting["data"]["recovered"] is False
    assert [reading["value"] for reading in greeting["data"]["readings"]] == [0.0]
    assert greeting["data"]["alarms"] == []
    assert values == [float(value) for value in range(60)]
    assert is_silent


async def test_message_has_its_fields(live: Live, machine: str) -> None:
    async with live.by_token(f"/ws/machines/{machine}") as line:
        await line.next("initial_data")
        live.post(machine, 5.0)
        update = await line.next("sensor_update")

    assert list(update) == ["type", "machine_id", "timestamp", "cursor", "data"]
    assert update["machine_id"] == machine
    assert list(update["data"]) == ["readings", "skipped"]
    assert list(update["data"]["readings"][0]) == [
        *("id", "machine_id", "sensor_type", "value", "unit", "timestamp", "quality"),
        *("metadata", "received_at", "late"),
    ]


async def test_machine_socket_resumes_by_its_cursor(live: Live, machine: str) -> None:
    path = f"/ws/machines/{machine}"
    async with live.by_token(path) as line:
        await line.next("initial_data")
        live.post(machine, 1.0)
        cursor = (await line.next("sensor_update"))["cursor"]
    live.post(machine, 2.0, 3.0)

    async with live.by_token(f"{path}?cursor={cursor}") as line:
        greeting = await line.next("initial_data")
        missed = await line.values(2)
        live.post(machine, 4.0)
        after = await line.values(1)

    assert (greeting["data"]["recovered"], greeting["cursor"]) == (True, cursor)
    assert missed + after == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda epoch, position: "nonsense",
        lambda epoch, position: "%00",
        lambda epoch, position: f"{epoch}.{position}.1",
        lambda epoch, position: f"{epoch}x.{position}",
        lambda epoch, position: f"{epoch}.99999999999999-0",
        lambda epoch, position: f"{epoch}.5-0",
    ],
    ids=["malformed", "control character", "too long", "foreign", "ahead", "too old"],
)
async def test_cursor_that_is_no_place_in_the_log_is_not_recovered(
    live: Live, machine: str, change: Callable[[str, str], str]
) -> None:
    path = f"/ws/machines/{machine}"
    async with live.by_token(path) as line:
        epoch, _, position = (await line.next("initial_data"))["cursor"].partition(".")

    async with live.by_token(f"{path}?cursor={change(epoch, position)}") as line:
        greeting = await line.next("initial_data")

    assert greeting["data"]["recovered"] is False
    assert greeting["cursor"] == f"{epoch}.{position}"


async def test_dashboard_shows_every_machine(live: Live, machine: str) -> None:
    other = live.new_machine()
    async with live.by_token("/ws/dashboard") as line:
        greeting = await line.next("initial_data")
        live.post(machine, 7.0)
        seen = await _updates_until(line, machine)

    assert (greeting["machine_id"], greeting["data"]["recovered"]) == (None, True)
    assert {machine, other} <= {one["machine_id"] for one in greeting["data"]["machines"]}
    assert seen[-1] == 7.0


async def _updates_until(line: SocketLine, machine: str) -> list[float]:
    """The dashboard's values of this machine, of the first message that has some."""
    while True:
        update = await line.next("sensor_update")
        assert update["machine_id"] is None
        readings = update["data"]["readings"]
        if found := [one["value"] for one in readings if one["machine_id"] == machine]:
            return found


async def test_heartbeat_comes_every_interval(live: Live, machine: str) -> None:
    async with live.by_token(f"/ws/machines/{machine}") as line:
        greeting = await line.next("initial_data")
        heartbeats = [json.loads(await asyncio.wait_for(line.socket.recv(), 2)) for _ in range(2)]

    assert [beat["type"] for beat in heartbeats] == ["heartbeat"] * 2
    for beat in heartbeats:
        assert (beat["machine_id"], beat["cursor"]) == (machine, greeting["cursor"])
        assert list(beat["data"]) == ["server_time", "interval", "feed", "behind_seconds"]
        assert (beat["data"]["interval"], beat["data"]["feed"]) == (1, "live")


def test_client_of_the_document_follows_a_machine(live: Live, machine: str, tmp_path: Path) -> None:
    program, seen = tmp_path / "follow.py", tmp_path / "seen"
    program.write_text(example("docs/sockets.md", 0))
    with seen.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, program, live.url, machine],
            env={**os.environ, "TWIN_USER": "viewer", "TWIN_PASSWORD": PASSWORD},
            stdout=output,
        )
    try:
        wait_for(lambda: seen.read_text().count("\n") == 1, what="it shows the latest value")
        live.post(machine, 1.0, 2.0)
        wait_for(lambda: seen.read_text().count("\n") == 3, what="it shows the new ones")
    finally:
        stop(process)

    shown = [line.split()[1:] for line in seen.read_text().splitlines()]
    assert shown == [["voltage", "0.0"], ["voltage", "1.0"], ["voltage", "2.0"]]


# Subscriptions


async def test_subscription_gets_exactly_these_machines_as_their_sockets_do(
    live: Live, machine: str
) -> None:
    second, other = live.new_machine(), live.new_machine()
    async with (
        live.by_token("/ws/dashboard") as line,
        live.by_token(f"/ws/machines/{machine}") as own,
    ):
        await line.next("initial_data")
        await own.next("initial_data")
        asked = [second, machine, second]
        subscribed = await line.ask({"type": "subscribe", "machine_ids": asked}, "subscribed")
        greetings = [await line.next("initial_data") for _ in range(2)]
        live.post(other, 1.0)
        live.post(machine, 2.0, 3.0)
        updates = [await each.next("sensor_update") for each in (line, own)]
        is_silent = await line.is_silent()
        await line.say({"type": "get_latest"})
        latest = await line.next("latest")

    assert subscribed == {"machine_ids": [second, machine]}
    assert {one["machine_id"] for one in greetings} == {second, machine}
    assert all(one["cursor"] and one["data"]["recovered"] is False for one in greetings)
    assert updates[0] == updates[1]
    assert is_silent
    assert {one["machine_id"] for one in latest["data"]["readings"]} == {second, machine}
    assert (latest["machine_id"], latest["cursor"]) == (None, None)


async def test_subscription_is_replaced_and_ends_with_an_empty_list(
    live: Live, machine: str
) -> None:
    second = live.new_machine()
    async with live.by_token("/ws/dashboard") as line:
        await line.next("initial_data")
        for wanted in (machine, second):
            await line.ask({"type": "subscribe", "machine_ids": [wanted]}, "subscribed")
            assert (await line.next("initial_data"))["machine_id"] == wanted
        live.post(machine, 1.0)
        live.post(second, 2.0)
        only_second = await line.next("sensor_update")
        back = await line.ask({"type": "subscribe", "machine_ids": []}, "subscribed")
        greeting = await line.next("initial_data")
        live.post(machine, 3.0)
        seen = await _updates_until(line, machine)

    assert only_second["machine_id"] == second
    assert back == {"machine_ids": []}
    assert (greeting["machine_id"], "machines" in greeting["data"]) == (None, True)
    assert seen[-1] == 3.0


async def test_heartbeat_of_a_subscription_names_its_machine_only_when_it_is_one(
    live: Live, machine: str
) -> None:
    second = live.new_machine()
    about = []
    async with live.by_token("/ws/dashboard") as line:
        await line.next("initial_data")
        for wanted in ([machine], [machine, second]):
            await line.ask({"type": "subscribe", "machine_ids": wanted}, "subscribed")
            for _ in wanted:
                greeting = await line.next("initial_data")
            beat = json.loads(await asyncio.wait_for(line.socket.recv(), 2))
            about.append((beat["type"], beat["machine_id"], beat["cursor"] == greeting["cursor"]))

    assert about == [("heartbeat", machine, True), ("heartbeat", None, False)]


@pytest.mark.parametrize(
    ("machine_ids", "code"),
    [
        (["ZZZ-999"], "unknown-machine"),
        (["*"], "invalid-machine-id"),
        ([f"CNC-{number:03d}" for number in range(201)], "too-many-subscriptions"),
    ],
)
async def test_subscription_that_is_refused_changes_nothing(
    live: Live, machine: str, machine_ids: list[str], code: str
) -> None:
    async with live.by_token("/ws/dashboard") as line:
        await line.next("initial_data")
        await line.ask({"type": "subscribe", "machine_ids": [machine]}, "subscribed")
        await line.next("initial_data")

        wanted = [machine, *machine_ids]
        refused = await line.ask({"type": "subscribe", "machine_ids": wanted}, "error")
        live.post(machine, 1.0)

        assert refused["code"] == code
        assert await line.values(1) == [1.0]


# Messages


async def test_bad_message_gets_an_error_and_no_close(live: Live, machine: str) -> None:
    bad = {
        "{": "invalid-json",
        "[]": "invalid-structure",
        "{}": "required",
        '{"type": "dance"}': "unknown-type",
        '{"type": "subscribe", "machine_ids": []}': "unknown-type",
        b"\x00\x01": "binary-not-supported",
        '{"type": "' + "x" * (64 * 1024 - 12) + '"}': "unknown-type",
    }
    async with live.by_token(f"/ws/machines/{machine}") as line:
        await line.next("initial_data")
        codes = [(await line.ask(message, "error"))["code"] for message in bad]
        pong = await line.ask({"type": "ping"}, "pong")

    assert codes == list(bad.values())
    assert pong["server_time"].endswith("Z")


async def test_message_over_64_kb_closes_1009(live: Live, machine: str) -> None:
    async with live.by_token(f"/ws/machines/{machine}") as line:
        await line.next("initial_data")
        await line.say(" " * (64 * 1024 + 1))
        code, seconds = await line.close_code()

    assert code == 1009
    assert seconds < 1


async def test_flood_is_slowed_then_closed_4429(live: Live, machine: str) -> None:
    async with live.by_token(f"/ws/machines/{machine}") as line:
        await line.next("initial_data")
        for _ in range(20):
            await line.ask({"type": "ping"}, "pong")
        errors = [(await line.ask({"type": "ping"}, "error"))["code"] for _ in range(19)]
        await line.say({"type": "ping"})
        code, seconds = await line.close_code()

    assert errors == ["rate-limited"] * 19
    assert code == 4429
    assert seconds < 1


@pytest.mark.parametrize("live", ["uvicorn"], indirect=True)  # daphne takes all into its memory
async def test_socket_that_does_not_read_is_resynchronised_then_closed_4508(
    live: Live, machine: str
) -> None:
    path = f"/ws/machines/{machine}"
    async with (
        live.by_token(path, sock=live.narrow_connection()) as slow,
        live.by_token(path, sock=live.narrow_connection()) as stuck,
    ):
        await slow.next("initial_data")
        await stuck.next("initial_data")

        number = 0
        while not live.dropped("outbox"):
            values = map(float, range(number, number + 500))
            await asyncio.to_thread(live.post, machine, *values, note="x" * 900)
            number += 500
        kinds, values_seen = await _heard_until_resync(slow)
        await asyncio.to_thread(wait_for, lambda: live.dropped("socket"), what="it is closed")
        code, _ = await stuck.close_code()

    assert values_seen == [float(value) for value in range(len(values_seen))]
    assert kinds == {"sensor_update"}
    assert code == 4508


async def _heard_until_resync(line: SocketLine) -> tuple[set[str], list[float]]:
    """The types and values of all messages before the `resync`."""
    kinds, values = set(), []
    while (message := await line.hear())["type"] != "resync":
        kinds.add(message["type"])
        values += [reading["value"] for reading in message["data"]["readings"]]
    return kinds, values


async def test_server_that_ends_closes_1012(live: Live, machine: str) -> None:
    async with live.by_token(f"/ws/machines/{machine}") as line:
        await line.next("initial_data")
        live.process.terminate()
        code, _ = await line.close_code()

    assert code == 1012
