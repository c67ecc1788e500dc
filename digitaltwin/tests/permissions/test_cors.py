"""Browsers of other origins: only those in CORS_ALLOWED_ORIGINS, on both paths, without cookies."""

from typing import Any

import httpx
import pytest

from digitaltwin.conftest import BATCH_URL, URL, reading

FRIEND = "https://panel.example"
EXPOSED = "X-Request-ID, X-Process-Time, Retry-After, RateLimit, RateLimit-Policy"
ALLOW = "access-control-allow-origin"


@pytest.fixture
def friends(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]


async def send(device: httpx.AsyncClient, origin: str) -> httpx.Response:
    return await device.post(URL, json=reading(), headers={"Origin": origin})


@pytest.mark.usefixtures("friends")
async def test_reading_of_an_allowed_origin(device: httpx.AsyncClient) -> None:
    answer = await send(device, FRIEND)

    assert answer.status_code == 201
    assert answer.headers[ALLOW] == FRIEND
    assert answer.headers["access-control-expose-headers"] == EXPOSED
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.usefixtures("friends")
async def test_refusals_may_be_read_by_an_allowed_origin(device: httpx.AsyncClient) -> None:
    headers = {"Origin": FRIEND}
    refused = await device.post(BATCH_URL, json={"readings": []}, headers=headers)
    nobody = await device.post(URL, json=reading(), headers=headers | {"Authorization": ""})
    unread = await device.get("/api/v1/machines", headers=headers)

    assert [answer.status_code for answer in (refused, nobody, unread)] == [400, 401, 401]
    assert {answer.headers[ALLOW] for answer in (refused, nobody, unread)} == {FRIEND}


@pytest.mark.usefixtures("friends")
@pytest.mark.parametrize(
    "origin", ["null", "https://panel.example.evil", "http://panel.example", "https://["]
)
async def test_other_origins_are_told_nothing(device: httpx.AsyncClient, origin: str) -> None:
    for answer in (
        await send(device, origin),
        await device.get("/api/v1/health/live", headers={"Origin": origin}),
    ):
        assert ALLOW not in answer.headers


async def test_without_the_setting_nothing_is_added(device: httpx.AsyncClient) -> None:
    answer = await send(device, FRIEND)

    assert answer.status_code == 201
    assert not {"vary", ALLOW, "access-control-expose-headers"} & answer.headers.keys()


@pytest.mark.usefixtures("friends")
@pytest.mark.parametrize("address", [URL, BATCH_URL, "/api/v1/machines"])
@pytest.mark.parametrize(("origin", "allowed"), [(FRIEND, FRIEND), ("null", None)])
async def test_preflight(
    device: httpx.AsyncClient, address: str, origin: str, allowed: str | None
) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    answer = await device.options(address, headers=asked)

    assert answer.status_code == 200
    assert answer.headers.get(ALLOW) == allowed
    if allowed:
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
        assert "authorization" in answer.headers["access-control-allow-headers"]
