"""User tokens: how a program of a person logs in, and when that ends."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from sensors.access.user_tokens import user_of_token
from sensors.tests.people import PASSWORD, make_stranger, make_viewer
from sensors.timestamps import SECOND_US, now_us

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_log")]

TOKEN = "/api/v1/auth/token"
REFRESH = f"{TOKEN}/refresh"
MACHINES = "/api/v1/machines"


def post(address: str, body: Any) -> tuple[int, Any]:
    response = Client().post(address, body, content_type="application/json")
    return response.status_code, response.json()


def log_in(username: str = "viewer", password: str = PASSWORD) -> tuple[int, Any]:
    return post(TOKEN, {"username": username, "password": password})


def status_with(token: str) -> int:
    return Client().get(MACHINES, headers={"Authorization": f"Bearer {token}"}).status_code


def test_token_for_username_and_password() -> None:
    make_viewer()

    status, tokens = log_in()

    assert (status, sorted(tokens)) == (200, ["access", "expires_in", "refresh"])
    assert tokens["expires_in"] == 1800
    assert status_with(tokens["access"]) == 200


def test_token_of_a_stranger_shows_nothing() -> None:
    make_stranger()

    _, tokens = log_in("stranger")

    assert status_with(tokens["access"]) == 403


def test_token_refreshed() -> None:
    make_viewer()
    _, tokens = log_in()

    status, fresh = post(REFRESH, {"refresh": tokens["refresh"]})

    assert (status, sorted(fresh)) == (200, ["access", "expires_in"])
    assert status_with(fresh["access"]) == 200


@pytest.mark.parametrize(("username", "password"), [("viewer", "wrong"), ("nobody", PASSWORD)])
def test_wrong_login_is_unauthenticated(username: str, password: str) -> None:
    make_viewer()

    status, problem = log_in(username, password)

    assert (status, problem["code"]) == (401, "unauthenticated")


def test_tokens_are_not_taken_for_each_other() -> None:
    make_viewer()
    _, tokens = log_in()

    assert status_with(tokens["refresh"]) == 401
    assert post(REFRESH, {"refresh": tokens["access"]})[0] == 401
    assert user_of_token(tokens["refresh"]) is None


def test_tokens_end_with_the_password() -> None:
    user = make_viewer()
    _, tokens = log_in()

    user.set_password("another one, long enough")
    user.save()

    assert status_with(tokens["access"]) == 401
    assert post(REFRESH, {"refresh": tokens["refresh"]})[0] == 401
    assert user_of_token(tokens["access"]) is None


def test_tokens_end_with_deactivation() -> None:
    user = make_viewer()
    _, tokens = log_in()

    user.is_active = False
    user.save()

    assert status_with(tokens["access"]) == 401
    assert post(REFRESH, {"refresh": tokens["refresh"]})[0] == 401
    assert log_in()[0] == 401


def test_tokens_end_with_the_user() -> None:
    user = make_viewer()
    _, tokens = log_in()

    user.delete()

    assert status_with(tokens["access"]) == 401
    assert post(REFRESH, {"refresh": tokens["refresh"]})[0] == 401


def test_tokens_end_with_logout() -> None:
    user = make_viewer()
    _, tokens = log_in()
    browser = Client()
    browser.force_login(user)

    browser.post("/logout/")

    assert status_with(tokens["access"]) == 401
    assert post(REFRESH, {"refresh": tokens["refresh"]})[0] == 401
    assert status_with(log_in()[1]["access"]) == 200


def test_expired_token_is_unauthenticated() -> None:
    token = AccessToken.for_user(make_viewer())
    token.set_exp(lifetime=timedelta(seconds=-1))

    assert status_with(str(token)) == 401
    assert user_of_token(str(token)) is None


def test_user_of_token_and_when_it_is_over() -> None:
    user = make_viewer()
    _, tokens = log_in()

    found = user_of_token(tokens["access"])

    assert found is not None
    assert found[0] == user
    assert abs(found[1] - now_us() - 1800 * SECOND_US) < 60 * SECOND_US


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\ud800", "é.é.é", "x" * 20_000])
def test_user_of_nonsense_is_nobody(token: str) -> None:
    assert user_of_token(token) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "malformed-json"),
        ("nonsense", "malformed-json"),
        ("[]", "invalid-structure"),
        ("{}", "required"),
        ('{"username": "a", "password": 1}', "wrong-type"),
        ('{"username": "a", "password": null}', "wrong-type"),
        ('{"username": "", "password": "b"}', "blank"),
        ('{"username": "a", "password": "b", "otp": 1}', "unknown-field"),
        ('{"username": "a", "username": "a", "password": "b"}', "duplicate-key"),
        ('{"username": "a\\u0000", "password": "b"}', "control-character"),
        ('{"username": "\\ud800", "password": "b"}', "control-character"),
        ('{"username": "' + "a" * 151 + '", "password": "b"}', "too-long"),
    ],
)
def test_malformed_login_refused(body: str, code: str) -> None:
    status, problem = post(TOKEN, body)

    assert (status, problem["code"]) == (400, code)


def test_login_takes_json_only() -> None:
    response = Client().post(TOKEN, {"username": "a", "password": "b"})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported-media-type")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["none", "HS384"])
def test_token_of_another_algorithm_is_unauthenticated(algorithm: str) -> None:
    token = AccessToken.for_user(make_viewer())
    secret = "" if algorithm == "none" else settings.SIMPLE_JWT["SIGNING_KEY"]
    forged = jwt.encode(token.payload, secret, algorithm)

    assert status_with(str(token)) == 200
    assert status_with(forged) == 401
    assert user_of_token(forged) is None


def test_login_with_a_large_body_refused() -> None:
    body = {"username": "a", "password": "x" * settings.MAX_BODY_BYTES}

    status, problem = post(TOKEN, body)

    assert (status, problem["code"]) == (413, "body-too-large")
