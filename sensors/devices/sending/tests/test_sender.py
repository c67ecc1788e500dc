"""Senders against a real server on a socket: nothing lost, nothing doubled, and clear ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sensors.devices.sending import answers
from sensors.devices.sending.answers import SendingStopped
from sensors.devices.sending.delivery import make_client
from sensors.devices.sending.outbox import by_machine
from sensors.devices.sending.sender import Sender
from sensors.devices.sending.tests.small_server import (
    Say,
    SmallServer,
    make_batch,
    make_readings,
    refusal,
    small_server,
)
from sensors.devices.simulation.plant import Plant
from sensors.devices.simulation.runner import default_rate, run_plant

KEY = "dt_test.secret"


@asynccontextmanager
async def sender_to(server: SmallServer, **options: Any) -> AsyncIterator[Sender]:
    async with make_client(server.url, KEY) as client, Sender(client, **options) as sender:
        yield sender


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def test_send_posts_each_machine_with_the_key() -> None:
    async with small_server() as server, sender_to(server) as sender:
        await sender.send(by_machine(make_readings("CNC-001") + make_readings("MIL-002")))

        assert sender.tally.accepted == 6
        assert sender.tally.requests == 2
        assert sender.unanswered == 0
    assert server.keys == {f"bearer {KEY}"}
    assert server.targets == ["/api/v1/sensors/readings/batch"] * 2
    assert {body["machine_id"] for body in server.bodies} == {"CNC-001", "MIL-002"}
    assert [set(row) for row in server.bodies[0]["readings"]] == [
        {"sensor_type", "value", "unit", "timestamp", "quality"}
    ] * 3


async def test_send_partial_asks_for_it() -> None:
    async with small_server() as server, sender_to(server, partial=True) as sender:
        await sender.send([make_batch()])

    assert server.targets == ["/api/v1/sensors/readings/batch?partial=true"]


@pytest.mark.parametrize("status", [429, 503])
async def test_send_waits_as_long_as_the_server_asks(status: int) -> None:
    busy = refusal(status, "busy")
    busy.headers["Retry-After"] = "1"
    async with small_server(busy) as server, sender_to(server) as sender:
        await sender.send([make_batch()])

        assert sender.tally.accepted == 1
        assert sender.tally.retries == 1
        assert sender.trouble == ""
    assert server.times[1] - server.times[0] >= 0.99
    assert server.bodies[0] == server.bodies[1]


async def test_send_after_a_cut_connection_is_recognised_as_a_duplicate() -> None:
    """The server kept the readings and died before it answered."""
    async with small_server(Say(cuts=True, keeps=True)) as server, sender_to(server) as sender:
        await sender.send([make_batch(count=3)])

        assert sender.tally.duplicate == 3
        assert sender.tally.accepted == 0
    assert len(server.kept) == 3
    assert len(server.bodies) == 2


async def test_send_before_the_server_is_up_waits_for_it() -> None:
    port = free_port()
    async with make_client(f"http://127.0.0.1:{port}", KEY) as client, Sender(client) as sender:
        sending = asyncio.create_task(sender.send([make_batch()]))
        while not sender.trouble:  # noqa: ASYNC110 - nobody is told of trouble
            await asyncio.sleep(0.01)
        assert sender.trouble.startswith(f"no response from http://127.0.0.1:{port}: ConnectError")
        assert sender.unanswered == 1

        async with small_server(port=port):
            await sending

        assert sender.tally.accepted == 1
        assert sender.trouble == ""


async def test_send_with_a_refused_key_stops() -> None:
    script = [refusal(401, "invalid-key")] * 20
    async with small_server(*script) as server, sender_to(server) as sender:
        with pytest.raises(SendingStopped, match=r"refused the device key \(401 invalid-key\)"):
            await sender.send([make_batch(f"CNC-{i:03d}") for i in range(20)])
        with pytest.raises(SendingStopped):
            await sender.offer([make_batch()])

    assert len(server.bodies) <= 8


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Say(301, {"Location": "https://plant.example/"}), "redirects to https://plant.example/"),
        (Say(404, {"Content-Type": "text/html"}), "Check the address"),
        (Say(200, {}, {"hello": "world"}), "in an unknown format"),
    ],
)
async def test_send_to_another_server_stops(answer: Say, sentence: str) -> None:
    async with small_server(answer) as server, sender_to(server) as sender:
        with pytest.raises(SendingStopped, match=sentence):
            await sender.send([make_batch()])


async def test_send_refused_batch_is_counted_and_the_next_goes_on() -> None:
    async with small_server(refusal(404, "unknown-machine")) as server, sender_to(server) as sender:
        await sender.send([make_batch(count=2), make_batch(count=3, first=2)])

        assert (sender.tally.refused, sender.tally.accepted) == (2, 3)
        told = sender.tally.refusals["CNC-001", "unknown-machine"]
        assert (told.detail, told.count) == ("It is unknown-machine.", 2)


async def test_send_500_is_given_up_after_some_tries() -> None:
    script = [Say(500, {"Retry-After": "0"})] * answers.MAX_TRIES_AFTER_500
    async with small_server(*script) as server, sender_to(server) as sender:
        await sender.send([make_batch()])

        assert sender.tally.refused == 1
        assert list(sender.tally.refusals) == [("CNC-001", "http-500")]


async def test_send_partial_answer_counts_every_row() -> None:
    refused = {"index": 3, "status": "refused", "errors": [{"code": "out-of-range"}]}
    conflict = {"index": 4, "status": "refused", "errors": [{"code": "conflicting-duplicate"}]}
    rows = [{"status": "accepted"}, {"status": "late"}, {"status": "duplicate"}, refused, conflict]
    async with small_server(Say(207, {}, rows)) as server, sender_to(server) as sender:
        await sender.send([make_batch(count=5)])

        tally = sender.tally
    assert (tally.accepted, tally.late, tally.duplicate) == (1, 1, 1)
    assert (tally.refused, tally.conflicting) == (1, 1)
    assert tally.answered == 5


async def test_send_whole_batch_refused_counts_rows_beyond_the_listed_errors() -> None:
    errors = [{"index": i, "field": "value", "code": "conflicting-duplicate"} for i in range(100)]
    answer = refusal(409, "conflicting-duplicate", errors=errors, error_count=150)
    async with small_server(answer) as server, sender_to(server) as sender:
        await sender.send([make_batch(count=150)])

        assert (sender.tally.conflicting, sender.tally.refused) == (150, 0)


async def test_send_partial_batch_refused_beyond_the_listed_errors_is_asked_in_parts() -> None:
    """Else a row with another error than the first hundred would be counted with them."""
    conflicts = [{"index": i, "code": "conflicting-duplicate"} for i in range(100)]
    others = [{"index": i, "code": "out-of-range"} for i in range(50)]
    script = [
        refusal(400, "conflicting-duplicate", errors=conflicts, error_count=150),
        refusal(400, "conflicting-duplicate", errors=conflicts),
        refusal(400, "out-of-range", errors=others),
    ]
    async with small_server(*script) as server, sender_to(server, partial=True) as sender:
        await sender.send([make_batch(count=150)])

        assert (sender.tally.conflicting, sender.tally.refused) == (100, 50)
    assert [len(body["readings"]) for body in server.bodies] == [150, 100, 50]
    whole, *in_parts = server.bodies
    assert [row for body in in_parts for row in body["readings"]] == whole["readings"]
    assert {body["machine_id"] for body in in_parts} == {whole["machine_id"]}


async def test_send_one_machine_arrives_in_order() -> None:
    async with small_server(Say(503, {"Retry-After": "0"})) as server, sender_to(server) as sender:
        await sender.send([make_batch(first=i) for i in range(30)])

    assert list(server.kept.values()) == [float(i) for i in range(30)]
    assert server.most_at_once == 1


async def test_send_many_machines_is_bounded_in_flight() -> None:
    async with small_server() as server, sender_to(server, in_flight=3) as sender:
        server.thinking_seconds = 0.01
        await sender.send([make_batch(f"CNC-{i:03d}") for i in range(12)])

    assert server.most_at_once == 3
    assert len(server.kept) == 12


async def test_send_more_than_the_buffer_holds_waits_for_room() -> None:
    async with small_server() as server, sender_to(server, buffer=2) as sender:
        await sender.send([make_batch(first=i) for i in range(20)])

        assert sender.tally.accepted == 20
        assert sender.tally.dropped == 0


async def test_offer_to_a_full_buffer_drops_the_oldest() -> None:
    async with small_server() as server, sender_to(server, buffer=3) as sender:
        await sender.offer([make_batch(count=2, first=2 * i) for i in range(10)])
        await sender.settled()

        assert sender.tally.dropped == 14
        assert sender.unanswered == 0
    assert list(server.kept.values()) == [14.0, 15.0, 16.0, 17.0, 18.0, 19.0]


async def test_run_plant_posts_every_sensor_at_the_rate() -> None:
    plant = Plant(machines=6, seed=1)
    async with small_server() as server, sender_to(server) as sender:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                run_plant(plant, sender, rate=4 * default_rate(plant)), timeout=1.1
            )
        await sender.settled()

    sensors = {(m.machine_id, s.sensor_type) for m in plant.machines for s in m.sensors}
    assert {identity[:2] for identity in server.kept} == sensors
    assert sender.tally.accepted == len(server.kept)
    assert 3 * len(sensors) <= len(server.kept) <= 6 * len(sensors)
