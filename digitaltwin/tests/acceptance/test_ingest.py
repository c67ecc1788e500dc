"""Readings sent from outside to the whole product in one process."""

import asyncio
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db.models import Model

from digitaltwin.asgi import application
from digitaltwin.conftest import BATCH_URL, URL, make_machine, reading
from sensors.access.device_keys import create_device_key, revoke_device_key
from sensors.catalogue.cache import get_catalogue
from sensors.models import Machine, Reading, Sensor
from sensors.store.store import Store
from sensors.tests.outages import redis_away
from sensors.timestamps import format_us, now_us, parse_rfc3339

STORED_URL = f"{URL}?ack=stored"


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, problem["code"]


async def rows_of(model: type[Model]) -> int:
    return int(await sync_to_async(model._default_manager.count)())


async def with_key(**options: Any) -> dict[str, str]:
    """The header of a new key."""
    _, token = await sync_to_async(create_device_key)(name=f"key {now_us()}", **options)
    await get_catalogue()._load()
    return {"Authorization": f"Bearer {token}"}


async def test_reading_is_answered_with_what_became_of_it(device: httpx.AsyncClient) -> None:
    stamp = format_us(now_us())
    sent = reading(timestamp=stamp, metadata={"location": "workshop_1", "calibrated": True})

    answer = await device.post(URL, json=sent)

    assert answer.status_code == 201
    body = answer.json()
    received_at, processed_at = body.pop("received_at"), body.pop("processed_at")
    assert body == sent | {
        "quality": "good",
        "id": f"CNC-001_temperature_{parse_rfc3339(stamp)}",
        "status": "accepted",
    }
    assert stamp <= received_at <= processed_at
    assert float(answer.headers["x-process-time"]) > 0
    assert answer.headers["ratelimit-policy"] == '"device-key";q=6000;w=60'


async def test_reading_is_a_row_in_the_sensors_unit(
    device: httpx.AsyncClient, store: Store
) -> None:
    answer = await device.post(STORED_URL, json=reading(value=212, unit="[degF]"))

    assert answer.json()["value"] == 212
    row = await Reading.objects.aget()
    assert (row.value, row.quality) == (100.0, 0)


async def test_same_reading_again_is_a_duplicate(device: httpx.AsyncClient) -> None:
    sent = reading()

    answers = [await device.post(STORED_URL, json=sent) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert answers[2].json()["status"] == "duplicate"
    assert await rows_of(Reading) == 1


async def test_same_time_with_another_value_conflicts(device: httpx.AsyncClient) -> None:
    sent = reading()
    await device.post(URL, json=sent)

    answer = await device.post(URL, json=sent | {"value": 1})

    assert code_of(answer) == (409, "conflicting-duplicate")
    assert [error["code"] for error in answer.json()["errors"]] == ["conflicting-duplicate"]
    assert "index" not in answer.json()["errors"][0]


async def test_older_reading_is_late(device: httpx.AsyncClient) -> None:
    await device.post(URL, json=reading())

    answer = await device.post(URL, json=reading(timestamp="2026-01-01T00:00:00Z"))

    assert (answer.status_code, answer.json()["status"]) == (201, "late")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"machine_id": "ZZZ-999"}, 404, "unknown-machine"),
        ({"sensor_type": "smell"}, 400, "unknown-sensor"),
        ({"sensor_type": "pressure", "unit": "bar"}, 400, "unknown-sensor"),
        ({"unit": "bar"}, 400, "unit-mismatch"),
        ({"unit": "<script>"}, 400, "unit-mismatch"),
        ({"value": 250}, 400, "out-of-range"),
        ({"value": 1e308}, 400, "out-of-range"),
        ({"value": -273.16}, 400, "out-of-range"),
        ({"value": "85"}, 400, "wrong-type"),
        ({"machine_id": "x", "value": 250}, 400, "invalid-machine-id"),
    ],
)
async def test_reading_that_does_not_fit_is_refused(
    device: httpx.AsyncClient, store: Store, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await device.post(URL, json=reading(**changes))

    assert code_of(answer) == (status, code)
    assert (await store.latest.positions([]))[1] == "0-0"


async def test_out_of_range_says_the_range(device: httpx.AsyncClient) -> None:
    answer = await device.post(URL, json=reading(value=250))

    assert answer.json()["errors"] == [
        {
            "field": "value",
            "code": "out-of-range",
            "detail": "Temperature must be between -50 and 200 Cel, got 250",
        }
    ]


async def test_sensor_may_have_its_own_range(device: httpx.AsyncClient) -> None:
    await Sensor.objects.filter(sensor_type__slug="temperature").aupdate(maximum=500)
    await get_catalogue()._load()

    assert (await device.post(URL, json=reading(value=250))).status_code == 201


async def test_retired_machine_takes_nothing(device: httpx.AsyncClient) -> None:
    await Machine.objects.aupdate(active=False)
    await get_catalogue()._load()

    assert code_of(await device.post(URL, json=reading())) == (409, "machine-retired")


# Keys


async def test_request_without_a_key_is_told_to_bring_one(device: httpx.AsyncClient) -> None:
    answer = await device.post(URL, json=reading(), headers={"Authorization": ""})

    assert code_of(answer) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "authorization",
    ["Bearer x", "Basic YTpi", "Bearer dt_0.0", "Bearer dt_.", "Bearer " + "x" * 8000, "Bearer ü"],
)
async def test_wrong_key_is_refused(device: httpx.AsyncClient, authorization: str) -> None:
    headers = {b"Authorization": authorization.encode("latin-1")}

    answer = await device.post(URL, json=reading(), headers=headers)

    assert code_of(answer) == (401, "unauthenticated")


async def test_two_keys_are_one_too_many(device: httpx.AsyncClient) -> None:
    headers = [("Authorization", "Bearer dt_0.0"), ("Authorization", "Bearer dt_1.1")]

    answer = await device.post(URL, json=reading(), headers=headers)

    assert code_of(answer) == (400, "bad-request")


async def test_key_speaks_for_its_machines_only(device: httpx.AsyncClient) -> None:
    other = await sync_to_async(make_machine)("CNC-002")
    headers = await with_key(machines=[other])

    own = await device.post(URL, json=reading(machine_id="CNC-002"), headers=headers)
    foreign = await device.post(URL, json=reading(), headers=headers)
    unknown = await device.post(URL, json=reading(machine_id="ZZZ-999"), headers=headers)

    assert own.status_code == 201
    assert code_of(foreign) == code_of(unknown) == (403, "machine-not-allowed")


async def test_revoked_key_is_refused_within_a_second(device: httpx.AsyncClient) -> None:
    key, token = await sync_to_async(create_device_key)(name="old", all_machines=True)
    headers = {"Authorization": f"Bearer {token}"}
    await get_catalogue()._load()
    assert (await device.post(URL, json=reading(), headers=headers)).status_code == 201

    await sync_to_async(revoke_device_key)(key)
    await get_catalogue()._look(reload=False)

    assert code_of(await device.post(URL, json=reading(), headers=headers))[0] == 401


async def test_expired_key_is_refused(device: httpx.AsyncClient) -> None:
    headers = await with_key(all_machines=True, expires_at="2020-01-01T00:00:00Z")

    assert code_of(await device.post(URL, json=reading(), headers=headers))[0] == 401


# The envelope


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("url", [URL, BATCH_URL])
async def test_other_method_is_not_allowed(
    device: httpx.AsyncClient, method: str, url: str
) -> None:
    answer = await device.request(method, url, headers={"Authorization": ""})

    assert code_of(answer) == (405, "method-not-allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": ""}, "unsupported-media-type"),
        ({"Content-Type": "application/xml"}, "unsupported-media-type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported-media-type"),
        ({"Content-Type": "application/json; charset=utf-16"}, "unsupported-charset"),
        ({"Content-Type": "application/json; charset*=none'en'x"}, "unsupported-media-type"),
        ({"Content-Encoding": "gzip"}, "unsupported-encoding"),
        ({"Content-Encoding": "identity, gzip"}, "unsupported-encoding"),
    ],
)
async def test_other_type_is_not_taken(
    device: httpx.AsyncClient, headers: dict[str, str], code: str
) -> None:
    json = {"Content-Type": "application/json"}

    answer = await device.post(URL, content=b"{}", headers=json | headers)

    assert code_of(answer) == (415, code)


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json;charset=UTF-8"])
async def test_json_may_be_named_otherwise(device: httpx.AsyncClient, kind: str) -> None:
    headers = {"Content-Type": kind, "Accept": "text/html", "X-HTTP-Method-Override": "DELETE"}

    answer = await device.post(URL, json=reading(), headers=headers)

    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"


async def test_body_over_the_limit_is_refused(device: httpx.AsyncClient) -> None:
    answer = await device.post(
        URL, content=b" " * (1024 * 1024 + 1), headers={"Content-Type": "application/json"}
    )

    assert code_of(answer) == (413, "body-too-large")
    assert answer.headers["connection"] == "close"


async def test_endless_chunks_are_cut_at_the_limit(device: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> Any:
        nonlocal sent
        while sent < 50 * 1024 * 1024:
            sent += 65536
            yield b" " * 65536

    answer = await device.post(URL, content=chunks(), headers={"Content-Type": "application/json"})

    assert code_of(answer) == (413, "body-too-large")
    assert sent <= 1024 * 1024 + 2 * 65536


@pytest.mark.parametrize("query", ["ack=nonsense", "ack=", "partial=yes"])
async def test_unknown_option_is_refused(device: httpx.AsyncClient, query: str) -> None:
    assert code_of(await device.post(f"{URL}?{query}", json=reading())) == (
        400,
        "invalid-parameter",
    )


@pytest.mark.parametrize(
    ("sent", "is_kept"), [("job-7.a", True), ("a b", False), ("x" * 65, False)]
)
async def test_request_id_is_echoed_when_it_is_fit(
    device: httpx.AsyncClient, sent: str, is_kept: bool
) -> None:
    answer = await device.post(URL, json=reading(), headers={"X-Request-ID": sent})

    assert answer.status_code == 201
    assert (answer.headers["x-request-id"] == sent) is is_kept


async def test_more_than_the_limit_in_flight_is_busy(
    device: httpx.AsyncClient, settings: Any
) -> None:
    settings.MAX_IN_FLIGHT = 3

    answers = await asyncio.gather(*(device.post(URL, json=reading(value=n)) for n in range(6)))

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201, 201, 201, 503, 503, 503]
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert code_of(busy) == (503, "busy")
    assert busy.headers["retry-after"] == "1"


async def test_rate_limit_counts_requests_of_the_key(
    device: httpx.AsyncClient, settings: Any
) -> None:
    settings.RATE_LIMIT = (2, 60)

    answers = [await device.post(URL, json=reading()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert code_of(answers[2]) == (429, "rate-limited")
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert answers[1].headers["ratelimit"].startswith('"device-key";r=0;t=')


# Batches


async def test_batch_is_answered_row_by_row(device: httpx.AsyncClient) -> None:
    first, second = (
        reading(timestamp="2026-11-01T00:00:00Z"),
        reading(sensor_type="speed", unit="rpm"),
    )

    answer = await device.post(f"{BATCH_URL}?ack=stored", json={"readings": [first, second, first]})

    assert answer.status_code == 201
    assert [row["status"] for row in answer.json()] == ["accepted", "accepted", "duplicate"]
    assert [row["sensor_type"] for row in answer.json()] == ["temperature", "speed", "temperature"]
    assert await rows_of(Reading) == 2


async def test_batch_of_duplicates_is_answered_200(device: httpx.AsyncClient) -> None:
    body = {"readings": [reading(), reading(sensor_type="speed", unit="rpm")]}
    await device.post(BATCH_URL, json=body)

    assert (await device.post(BATCH_URL, json=body)).status_code == 200


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        ({"value": "x"}, 400, "wrong-type"),
        ({"value": 999}, 400, "out-of-range"),
        ({"machine_id": "ZZZ-999"}, 404, "unknown-machine"),
    ],
)
async def test_batch_with_one_bad_row_is_refused_whole(
    device: httpx.AsyncClient, store: Store, bad: dict[str, Any], status: int, code: str
) -> None:
    rows = [reading(timestamp=format_us(now_us() - n)) for n in range(100)]
    rows[57] |= bad

    answer = await device.post(BATCH_URL, json={"readings": rows})

    assert code_of(answer) == (status, code)
    if status == 400:
        assert [error["index"] for error in answer.json()["errors"]] == [57]
    assert (await store.latest.positions([]))[1] == "0-0"


async def test_batch_with_a_conflict_is_refused_whole(device: httpx.AsyncClient) -> None:
    sent = reading()

    answer = await device.post(BATCH_URL, json={"readings": [sent, sent | {"value": 2}]})

    assert code_of(answer) == (409, "conflicting-duplicate")
    assert [error["index"] for error in answer.json()["errors"]] == [1]
    assert await rows_of(Reading) == 0


async def test_batch_lists_a_hundred_errors_and_counts_all(device: httpx.AsyncClient) -> None:
    rows = [reading(value="x") for _ in range(150)]

    answer = await device.post(BATCH_URL, json={"readings": rows})

    assert (len(answer.json()["errors"]), answer.json()["error_count"]) == (100, 150)


async def test_batch_of_a_thousand_is_taken(device: httpx.AsyncClient) -> None:
    now = now_us()
    rows = [reading(timestamp=format_us(now - n)) for n in range(1000)]

    answer = await device.post(f"{BATCH_URL}?ack=stored", json={"readings": rows})

    assert (answer.status_code, len(answer.json())) == (201, 1000)
    assert await rows_of(Reading) == 1000


async def test_partial_batch_takes_the_good_rows(device: httpx.AsyncClient) -> None:
    kept = reading(timestamp="2026-11-01T00:00:00Z")
    await device.post(URL, json=kept)
    rows = [
        reading(value="x"),
        reading(),
        reading(machine_id="ZZZ-999"),
        reading(value=999),
        kept | {"value": 1},
        kept,
    ]

    answer = await device.post(f"{BATCH_URL}?partial=true&atomic=true", json={"readings": rows})

    assert answer.status_code == 207
    found = [
        row["errors"][0]["code"] if row["status"] == "refused" else row["status"]
        for row in answer.json()
    ]
    assert found == [
        "wrong-type",
        "accepted",
        "unknown-machine",
        "out-of-range",
        "conflicting-duplicate",
        "duplicate",
    ]
    assert [row["index"] for row in answer.json() if row["status"] == "refused"] == [0, 2, 3, 4]


async def test_partial_batch_without_a_good_row_is_refused(device: httpx.AsyncClient) -> None:
    answer = await device.post(
        f"{BATCH_URL}?partial=true", json={"readings": [reading(value="x"), reading(value=999)]}
    )

    assert code_of(answer) == (400, "wrong-type")
    assert [error["index"] for error in answer.json()["errors"]] == [0, 1]


# Registration


async def test_unknown_machine_registers_itself_where_that_is_on(
    device: httpx.AsyncClient, settings: Any
) -> None:
    settings.AUTO_REGISTER_MACHINES = True
    sent = reading(machine_id="NEW-001", sensor_type="vibration.drive_end", unit="mm/s", value=3)

    answers = await asyncio.gather(*(device.post(URL, json=sent) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    sensor = await Sensor.objects.select_related("sensor_type").aget(machine__machine_id="NEW-001")
    assert sensor.name == "vibration.drive_end"


async def test_refused_reading_registers_nothing(device: httpx.AsyncClient, settings: Any) -> None:
    settings.AUTO_REGISTER_MACHINES = True

    answer = await device.post(URL, json=reading(machine_id="NEW-001", value=999))

    assert code_of(answer) == (400, "out-of-range")
    assert not await Machine.objects.filter(machine_id="NEW-001").aexists()


# The log away


async def test_log_away_is_an_honest_503(device: httpx.AsyncClient) -> None:
    await device.post(URL, json=reading())

    async with redis_away():
        answer = await device.post(URL, json=reading())

    assert code_of(answer) == (503, "log-unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_stored_is_not_said_before_it_is_true(transactional_db: None, store: Store) -> None:
    await sync_to_async(make_machine)()
    key = await with_key(all_machines=True)
    app: Any = application
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as device:
        answer = await device.post(STORED_URL, json=reading(), headers=key)

    if store.in_memory:  # nothing else holds it
        assert code_of(answer) == (503, "log-unavailable")
    else:
        assert (answer.status_code, answer.json()["stored"]) == (202, False)
