"""Contract 3.2: user tokens."""

import base64
import json

from digitaltwin.tests.contract.instance import Instance
from digitaltwin.tests.contract.rest.problems import expect_problem
from digitaltwin.tests.contract.walk import clause, expect, hold

TOKEN = "/api/v1/auth/token"
REFRESH = "/api/v1/auth/token/refresh"


@clause("tokens", "username and password for access, refresh and expires_in; HS256")
def _(here: Instance) -> None:
    answer = here.http.post(TOKEN, json=here.operator)
    expect(answer.status_code, 200, "status")
    expect(set(answer.json()), {"access", "refresh", "expires_in"}, "members")
    hold(answer.json()["expires_in"] > 0, "expires_in")
    head = answer.json()["access"].partition(".")[0]
    algorithm = json.loads(base64.urlsafe_b64decode(head + "=="))["alg"]
    expect(algorithm, "HS256", "algorithm")


@clause("tokens", "refresh gives a new access token, which works")
def _(here: Instance) -> None:
    tokens = here.http.post(TOKEN, json=here.operator).json()
    answer = here.http.post(REFRESH, json={"refresh": tokens["refresh"]})
    expect(answer.status_code, 200, "status")
    headers = {"Authorization": f"Bearer {answer.json()['access']}"}
    expect(here.http.get("/api/v1/machines", headers=headers).status_code, 200, "it works")


@clause("tokens", "one kind of token is not the other")
def _(here: Instance) -> None:
    tokens = here.http.post(TOKEN, json=here.operator).json()
    expect_problem(
        here.http.post(REFRESH, json={"refresh": tokens["access"]}), 401, "unauthenticated"
    )
    headers = {"Authorization": f"Bearer {tokens['refresh']}"}
    expect_problem(here.http.get("/api/v1/machines", headers=headers), 401, "unauthenticated")


@clause("tokens", "a wrong password is 401, a malformed body 400")
def _(here: Instance) -> None:
    wrong = {"username": f"nobody-{here.new_id()}", "password": "wrong"}
    expect_problem(here.http.post(TOKEN, json=wrong), 401, "unauthenticated")
    expect_problem(here.http.post(TOKEN, json={"username": "x"}), 400, "required")
    json_type = {"Content-Type": "application/json"}
    answer = here.http.post(TOKEN, content=b"{", headers=json_type)
    expect_problem(answer, 400, "malformed-json")


@clause("people", "five failures lock user and address for 15 minutes")
def _(here: Instance) -> None:
    wrong = {"username": f"nobody-{here.new_id()}", "password": "wrong"}
    codes = [here.http.post(TOKEN, json=wrong).status_code for _ in range(6)]
    expect(codes[:4] + codes[5:], [401] * 4 + [429], "statuses")
    locked = here.http.post(TOKEN, json=wrong)
    expect_problem(locked, 429, "locked-out")
    hold(int(locked.headers["retry-after"]) > 0, "Retry-After")
