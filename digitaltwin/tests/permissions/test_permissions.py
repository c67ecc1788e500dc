"""The matrix of matrix.py against the whole product: everybody, at every address."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import URLPattern, URLResolver, get_resolver

from digitaltwin.asgi import application
from digitaltwin.tests.permissions import matrix
from digitaltwin.tests.permissions.matrix import (
    DEVICES,
    HIDDEN,
    LOG_IN,
    MODELS,
    NONE,
    OK,
    PEOPLE,
    REFUSED,
    SEEN,
    UNKNOWN,
    Row,
)
from digitaltwin.tests.permissions.proofs import CSRF_COOKIE, CSRF_SECRET, Proof, proof
from sensors.models import ConflictingReading, DeadLetter, DeviceKey, Machine, Sensor, SensorType
from sensors.tests import people
from sensors.tests.people import make_machine, make_person
from sensors.timestamps import format_us, now_us


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Every address of the URLconf, as it is written there."""
    for pattern in resolver.url_patterns:
        # Django lists the apps in no order of ours.
        route = before + re.sub(r"\(\?P<app_label>.*\)", "<app_label>", str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


def test_every_address_has_a_row() -> None:
    rows = [*matrix.API, *matrix.PAGES, *matrix.model_rows(dict.fromkeys(MODELS, 1))]

    assert set(routes(get_resolver())) == {row.route for row in rows}


def test_every_address_of_a_machine_is_asked_for_one_that_may_be_seen_and_one_that_may_not() -> (
    None
):
    rows = [*matrix.API, *matrix.PAGES]
    of_a_machine = {route for route in routes(get_resolver()) if "machine_id" in route}

    assert of_a_machine <= {row.route for row in rows if row.is_read_of_a_machine and 200 in row.ok}
    assert of_a_machine <= {row.route for row in matrix.hidden_rows(rows)}


def test_every_model_of_the_admin_has_a_row() -> None:
    models = {f"{one._meta.app_label}/{one._meta.model_name}" for one in admin.site._registry}

    assert models == set(MODELS)


# Requests and their answers


@pytest.fixture
async def ask(history: None) -> AsyncIterator[Any]:
    """Provide `await ask("GET /", headers)`, the response of a product that has machines."""
    await sync_to_async(make_machine)(SEEN, **people.SEEN._asdict())
    await sync_to_async(make_machine)(HIDDEN, **people.HIDDEN._asdict())
    app: Any = application
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:

        async def ask(request: str, proof: Proof, body: Any = None) -> httpx.Response:
            method, path = request.split()
            client.cookies.clear()
            headers = {"Cookie": CSRF_COOKIE, "X-CSRFToken": CSRF_SECRET, **proof}
            return await client.request(method, path, json=body, headers=headers)

        yield ask


def fresh(body: Any) -> Any:
    """The readings of the body, measured now."""
    if isinstance(body, dict) and "readings" in body:
        return {"readings": [fresh(one) for one in body["readings"]]}
    return {**body, "timestamp": format_us(now_us())} if body else body


def outcome(row: Row, answer: httpx.Response) -> str:
    if answer.status_code == 401 or "login/?next=" in answer.headers.get("Location", ""):
        return LOG_IN
    if answer.status_code == 403:
        return REFUSED
    if answer.status_code == 404 and 404 not in row.ok:
        return UNKNOWN
    return OK if answer.status_code in row.ok else f"{answer.status_code}, not {row.ok}"


async def outcomes(rows: list[Row], headers: Proof, ask: Any) -> dict[str, str]:
    return {
        row.request: outcome(row, await ask(row.request, headers, fresh(row.body))) for row in rows
    }


def expected(rows: list[Row], who: str) -> dict[str, str]:
    return {row.request: row.answers.get(who, LOG_IN) for row in rows}


def primary_keys() -> dict[str, int]:
    """An object for each model of the admin."""
    sensor, moment = Sensor.objects.all()[0], now_us()
    person = {"username": "otto", "ip_address": "192.0.2.7"}
    rows = {
        "sensors/machine": Machine.objects.create(machine_id="MIL-003"),
        "sensors/sensor": sensor,
        "sensors/sensortype": SensorType.objects.create(slug="mass", minimum=0, maximum=1),
        "sensors/devicekey": DeviceKey.objects.create(name="door", prefix="p", secret_hash="h"),
        "sensors/conflictingreading": ConflictingReading.objects.create(
            sensor=sensor, measured_at=moment, received_at=moment, quality=0, stored_quality=0
        ),
        "sensors/deadletter": DeadLetter.objects.create(payload="p", reason="r"),
        "auth/user": make_person("otto", "viewer"),
        "auth/group": Group.objects.get(name="viewer"),
        "axes/accessattempt": AccessAttempt.objects.create(failures_since_start=5, **person),
        "axes/accesslog": AccessLog.objects.create(**person),
        "axes/accessfailurelog": AccessFailureLog.objects.create(**person),
    }
    return {model: row.pk for model, row in rows.items()}


@pytest.mark.parametrize("who", PEOPLE)
async def test_person_with_a_session(ask: Any, who: str) -> None:
    headers = await sync_to_async(proof)(who)
    # Those that end the session stand last.
    rows = [*matrix.API, *matrix.hidden_rows([*matrix.API, *matrix.PAGES]), *matrix.PAGES]

    assert await outcomes(rows, headers, ask) == expected(rows, who)


@pytest.mark.parametrize("who", PEOPLE)
async def test_person_in_the_admin(ask: Any, who: str) -> None:
    headers = await sync_to_async(proof)(who)
    rows = matrix.model_rows(await sync_to_async(primary_keys)())

    assert await outcomes(rows, headers, ask) == expected(rows, who)


@pytest.mark.parametrize("who", PEOPLE[1:])
async def test_person_with_a_token_is_somebody_to_the_api_alone(ask: Any, who: str) -> None:
    headers = await sync_to_async(proof)(who, "token")

    api = [*matrix.API, *matrix.hidden_rows(matrix.API)]
    pages = [*matrix.PAGES, *matrix.hidden_rows(matrix.PAGES)]

    assert await outcomes(api, headers, ask) == expected(api, who)
    assert await outcomes(pages, headers, ask) == expected(pages, "nobody")


@pytest.mark.parametrize("who", DEVICES)
async def test_device(ask: Any, who: str) -> None:
    headers = await sync_to_async(proof)(who)
    models = matrix.model_rows(await sync_to_async(primary_keys)())
    rows = [*matrix.API, *matrix.PAGES, *models]

    assert await outcomes(rows, headers, ask) == expected(rows, who)


# Unknown and forbidden look the same


def looks(answer: httpx.Response, machine_id: str) -> tuple[int, str]:
    """Return the response without the parts that differ between requests."""
    assert answer.status_code >= 400
    text = answer.text.replace(answer.headers["x-request-id"], "ID").replace(machine_id, "MACHINE")
    return answer.status_code, re.sub(r'(?<=csrfmiddlewaretoken" value=")\w+', "TOKEN", text)


@pytest.mark.parametrize("path", ["/api/v1/sensors/readings", "/api/v1/sensors/readings/batch"])
async def test_machine_of_others_looks_to_a_device_like_none(ask: Any, path: str) -> None:
    headers = await sync_to_async(proof)("key for one")
    stamp = format_us(now_us())

    async def post(machine_id: str) -> tuple[int, str]:
        sent = {**matrix.READING, "machine_id": machine_id, "timestamp": stamp}
        body = {"readings": [sent]} if path.endswith("batch") else sent
        return looks(await ask(f"POST {path}", headers, body), machine_id)

    assert await post("CNC-002") == await post("ZZZ-999")
    assert (await post("CNC-002"))[0] == 403


@pytest.mark.parametrize("who", ["nobody", "no role"])
@pytest.mark.parametrize("path", ["", "/latest", "/status"])
async def test_machine_looks_like_none_to_who_may_not_see(ask: Any, who: str, path: str) -> None:
    headers = await sync_to_async(proof)(who)

    async def get(machine_id: str) -> tuple[int, str]:
        return looks(await ask(f"GET /api/v1/machines/{machine_id}{path}", headers), machine_id)

    assert await get("CNC-001") == await get("ZZZ-999")


@pytest.mark.parametrize("by", ["session", "token"])
async def test_machine_out_of_scope_looks_like_none(ask: Any, by: str) -> None:
    headers = await sync_to_async(proof)("restricted", by)
    # A token is nothing to the pages.
    rows = matrix.hidden_rows([*matrix.API, *(matrix.PAGES if by == "session" else [])])

    async def look(request: str, machine_id: str) -> tuple[int, str]:
        return looks(await ask(request.replace(HIDDEN, machine_id), headers), machine_id)

    for row in rows:
        assert await look(row.request, HIDDEN) == await look(row.request, NONE), row.request


# Lists


@pytest.fixture
async def readings(ask: Any) -> None:
    """A reading of each machine, in the log and in the database."""
    headers = await sync_to_async(proof)("key for all")
    for machine_id in (SEEN, HIDDEN):
        body = fresh({**matrix.READING, "machine_id": machine_id})
        answer = await ask("POST /api/v1/sensors/readings?ack=stored", headers, body)
        assert answer.status_code == 201


@pytest.mark.usefixtures("readings")
@pytest.mark.parametrize(
    ("who", "machines"),
    [("viewer", {SEEN, HIDDEN}), ("restricted", {SEEN})],
)
async def test_lists_name_the_machines_that_the_person_sees(
    ask: Any, who: str, machines: set[str]
) -> None:
    headers = await sync_to_async(proof)(who)
    rows = [row for row in [*matrix.API, *matrix.PAGES] if row.lists]

    for row in rows:
        answer = await ask(row.request, headers)
        assert machines_in(answer) == machines, row.request


@pytest.mark.usefixtures("readings")
async def test_no_answer_names_a_machine_out_of_scope(ask: Any) -> None:
    headers = await sync_to_async(proof)("restricted")
    rows = [*matrix.API, *matrix.PAGES]

    for row in rows:
        if row.request.startswith("GET "):
            answer = await ask(row.request, headers)
            assert machines_in(answer) <= {SEEN}, row.request


def machines_in(answer: httpx.Response) -> set[str]:
    """The machines that the answer names."""
    return {machine_id for machine_id in (SEEN, HIDDEN) if machine_id in answer.text}
