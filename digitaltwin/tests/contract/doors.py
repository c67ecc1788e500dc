"""Bad input I and J: keys, limits and the read API."""

from typing import Any

import httpx

from digitaltwin.tests.contract.instance import URL, Instance, status_of
from digitaltwin.tests.contract.rest.envelope import request
from digitaltwin.tests.contract.rest.problems import expect_problem
from digitaltwin.tests.contract.walk import CLAUSES, Check, NotHere, expect, hold


def with_credential(*values: str) -> Check:
    def check(here: Instance) -> None:
        for value in values:
            answer = here.send(here.reading(), Authorization=value)
            expect_problem(answer, 401, "unauthenticated")
            hold("bearer" in answer.headers.get("www-authenticate", "").lower(), "WWW-Authenticate")

    return check


def two_credentials(here: Instance) -> None:
    answer = here.raw(request(here, "Authorization: Bearer dt_0.0"))
    expect(status_of(answer), 400, "status")


def long_credential(here: Instance) -> None:
    answer = here.send(here.reading(), Authorization="Bearer " + "x" * 8000)
    hold(answer.status_code in (401, 431), f"401 or 431, got {answer.status_code}")


def credential_beyond_ascii(here: Instance) -> None:
    known = f"Bearer {here.key}".encode()
    sent = request(here).replace(known, "Bearer dt_ü.ß".encode())
    answer = here.raw(sent)
    expect(status_of(answer), 401, "status")


def exactly_the_limit(here: Instance) -> None:
    [check] = [one.check for one in CLAUSES if one.text.startswith("429 rate-limited")]
    check(here)


def later(reason: str) -> Check:
    """Make a check that is not applicable, with the reason."""

    def check(here: Instance) -> None:
        raise NotHere(reason)

    return check


def unknown_option(here: Instance) -> None:
    answer = here.send(here.reading(), url=f"{URL}?ack=nonsense")
    expect_problem(answer, 400, "invalid-parameter")


def read(path: str, status: int, code: str, *queries: dict[str, Any]) -> Check:
    def check(here: Instance) -> None:
        for query in queries or ({},):
            expect_problem(here.see(path, **query), status, code)

    return check


def other_format(here: Instance) -> None:
    for path in ("/machines?format=xml", "/machines.csv"):
        answer = here.see(path)
        hold(answer.status_code in (404, 406), f"404 or 406, got {answer.status_code}")
        hold("problem+json" in answer.headers["content-type"], "as a problem")


def with_header(name: str, value: str) -> Check:
    def check(here: Instance) -> None:
        headers = {"Authorization": f"Bearer {here.token}", name: value}
        answer: httpx.Response = here.http.get("/api/v1/machines", headers=headers)
        expect(answer.status_code, 200, "status")

    return check


DOORS: dict[str, Check] = {
    "BI-I01": with_credential(""),
    "BI-I03": with_credential("Bearer x"),
    "BI-I07": later("device keys have no scopes; they speak for machines"),
    "BI-I08": two_credentials,
    "BI-I10": long_credential,
    "BI-I11": credential_beyond_ascii,
    "BI-I13": with_credential("Basic YTpi"),
    "BI-I15": exactly_the_limit,
    "BI-I20": later("needs a database that is down: sensors and history tests show it"),
    "BI-I21": unknown_option,
    "BI-J01": read("/machines/ZZZ-999", 404, "unknown-machine"),
    "BI-J02": read("/machines/CNC-001%0a", 404, "unknown-machine"),
    "BI-J03": read(
        "/sensors/readings",
        400,
        "invalid-parameter",
        *({"limit": value} for value in ("-1", "0", "1000000000", "abc", "1001")),
    ),
    "BI-J05": read(
        "/sensors/readings",
        400,
        "invalid-range",
        {"start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
    ),
    "BI-J08": read(
        "/machines", 400, "invalid-parameter", {"ordering": "password"}, {"ordering": "__class__"}
    ),
    "BI-J10": other_format,
    "BI-J11": with_header("If-None-Match", 'W/"garbage'),
    "BI-J12": with_header("Range", "bytes=0-"),
}
