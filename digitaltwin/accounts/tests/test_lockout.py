"""Lockout of user and address for 15 minutes after five failed logins, by page or token."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from axes.models import AccessAttempt
from django.db import connection
from django.db.models import F
from django.test import Client

from digitaltwin.accounts.views import client_address
from digitaltwin.server import make_server
from sensors.tests.people import PASSWORD, make_person

TOKEN = "/api/v1/auth/token"
HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"


def by_page(password: str, *, address: str = HERE, username: str = "vera", **headers: str) -> Any:
    form = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address, headers=headers).post("/login/", form)


def by_token(password: str, *, address: str = HERE, username: str = "vera") -> Any:
    body = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post(TOKEN, body, content_type="application/json")


def lock(address: str = HERE) -> None:
    for _ in range(5):
        by_token("wrong", address=address)


def pass_minutes(minutes: int) -> None:
    """Move the recorded failures into the past by this many minutes."""
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=minutes))


@pytest.fixture(autouse=True)
def _vera(db: None) -> None:
    make_person("vera", "viewer")


def test_login_page_and_token_share_the_count() -> None:
    statuses = [
        *(by_page("wrong").status_code, by_token("wrong").status_code),
        *(by_page("wrong").status_code, by_token("wrong").status_code),
        by_page("wrong").status_code,
    ]

    assert statuses == [200, 401, 200, 401, 429]


def test_admin_login_is_the_login_page() -> None:
    for _ in range(5):
        Client(REMOTE_ADDR=HERE).post("/admin/login/", {"username": "vera", "password": "wrong"})
    assert not AccessAttempt.objects.exists()

    answer = Client().get("/admin/login/?next=/admin/")

    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/admin/")


def test_right_password_is_refused_while_locked() -> None:
    lock()

    page, token = by_page(PASSWORD), by_token(PASSWORD)

    assert (page.status_code, page["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes" in page.content.decode()
    assert "sessionid" not in page.cookies
    assert (token.status_code, token["Retry-After"]) == (429, "900")
    assert (token["Content-Type"], token.json()["code"]) == (
        *("application/problem+json", "locked-out"),
    )


def test_other_people_and_other_addresses_are_not_locked() -> None:
    make_person("otto", "viewer")
    lock()

    assert by_token(PASSWORD, address=ELSEWHERE).status_code == 200
    assert by_token(PASSWORD, username="otto").status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(14, 429), (16, 200)])
def test_lock_opens_after_fifteen_minutes(minutes: int, status: int) -> None:
    lock()

    pass_minutes(minutes)

    assert by_token(PASSWORD).status_code == status


def test_knocking_does_not_prolong_the_lock() -> None:
    lock()
    pass_minutes(14)

    assert by_page("wrong").status_code == 429
    assert by_token(PASSWORD).status_code == 429
    pass_minutes(2)

    assert by_page(PASSWORD).status_code == 302


def test_one_row_holds_the_failures_however_long_they_go_on() -> None:
    lock()
    before = AccessAttempt.objects.values().get()

    for number in range(3):
        by_page("wrong", User_Agent=f"browser {number}")

    assert AccessAttempt.objects.values().get() == before


def test_another_browser_is_not_another_count() -> None:
    statuses = [by_page("wrong", User_Agent=f"b {number}").status_code for number in range(5)]

    assert statuses == [200, 200, 200, 200, 429]


@pytest.mark.parametrize("log_in", [by_page, by_token])
def test_success_forgets_the_failures_before(log_in: Any) -> None:
    for _ in range(4):
        by_token("wrong")

    assert log_in(PASSWORD).status_code in (200, 302)

    assert by_token("wrong").status_code == 401
    assert by_token(PASSWORD).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("log_in", [by_page, by_token])
def test_guesses_at_the_same_moment_are_counted_one_by_one(log_in: Any) -> None:
    def guess(_: int) -> int:
        try:
            return int(log_in("wrong").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as threads:
        statuses = sorted(threads.map(guess, range(12)))

    assert statuses[4:] == [429] * 8
    assert AccessAttempt.objects.get().failures_since_start == 5


def test_nobody_is_locked_as_quietly_as_somebody() -> None:
    statuses = [by_token("wrong", username="nobody").status_code for _ in range(6)]

    assert statuses == [401, 401, 401, 401, 429, 429]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
        ("", None),
        ("192.0.2.7:80", None),
    ],
)
def test_client_address_is_one_that_a_database_can_keep(
    rf: Any, peer: str, address: str | None
) -> None:
    assert client_address(rf.get("/", REMOTE_ADDR=peer)) == address


def test_peer_without_an_address_is_locked_too() -> None:
    statuses = [by_token("wrong", address="unknown").status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 401, 429]


# Behind a proxy: the address by which the server's own stack knows the client.


async def by_proxy(forwarded: str, *, peer: str = "10.0.0.1", proxies: str = "10.0.0.0/8") -> int:
    """A wrong login through the web process's application, from this peer."""
    server = make_server("digitaltwin.asgi:application", drain_seconds=0, trusted_proxies=[proxies])
    server.config.load()
    app: Any = server.config.loaded_app
    transport = httpx.ASGITransport(app, client=(peer, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.post(
            TOKEN,
            json={"username": "vera", "password": "wrong"},
            headers={"X-Forwarded-For": forwarded},
        )
    return answer.status_code


async def addresses() -> list[str | None]:
    return [attempt.ip_address async for attempt in AccessAttempt.objects.order_by("pk")]


@pytest.mark.django_db(transaction=True)
async def test_behind_a_proxy_each_client_has_a_count_of_his_own() -> None:
    statuses = [await by_proxy(HERE) for _ in range(5)]

    assert statuses == [401, 401, 401, 401, 429]
    assert await by_proxy(ELSEWHERE) == 401
    assert await addresses() == [HERE, ELSEWHERE]


@pytest.mark.django_db(transaction=True)
async def test_what_the_client_wrote_before_the_proxy_is_not_believed() -> None:
    statuses = [await by_proxy(f"203.0.113.{number}, {HERE}") for number in range(5)]

    assert statuses == [401, 401, 401, 401, 429]
    assert await addresses() == [HERE]


@pytest.mark.django_db(transaction=True)
async def test_header_of_a_peer_that_is_no_proxy_is_not_believed() -> None:
    statuses = [await by_proxy(f"203.0.113.{number}", peer=HERE) for number in range(5)]

    assert statuses == [401, 401, 401, 401, 429]
    assert await addresses() == [HERE]


@pytest.mark.django_db(transaction=True)
async def test_nonsense_from_behind_the_proxy_is_counted_as_one() -> None:
    statuses = [await by_proxy(f"nonsense {number}") for number in range(5)]

    assert statuses == [401, 401, 401, 401, 429]
    assert await addresses() == [None]
