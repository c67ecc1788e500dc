"""The account page: password change, logout, logout everywhere."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from digitaltwin.accounts.views import end_sessions
from sensors.tests.people import PASSWORD, make_person, make_stranger, make_superuser

pytestmark = pytest.mark.django_db

NEW = "a brand new one, long enough"
CHANGE = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
TOKEN, MACHINES = "/api/v1/auth/token", "/api/v1/machines"


@pytest.fixture
def vera() -> User:
    return make_person("vera", "viewer")


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def token_of(user: User, password: str = PASSWORD) -> str:
    body = {"username": user.username, "password": password}
    access: str = Client().post(TOKEN, body, content_type="application/json").json()["access"]
    return access


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def is_valid(token: str) -> bool:
    answer = Client().get(MACHINES, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.mark.parametrize("address", ["/account/", "/password/"])
def test_page_has_no_inline_script_or_style(vera: User, address: str) -> None:
    shown = browser_of(vera).get(address).content.decode()

    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", shown)


@pytest.mark.parametrize("address", ["/account/", "/password/"])
def test_account_needs_a_login(address: str) -> None:
    response = Client().get(address)

    assert (response.status_code, response["Location"]) == (302, f"/login/?next={address}")


def test_account_names_the_roles(vera: User) -> None:
    assert "Your role: viewer." in browser_of(vera).get("/account/").content.decode()
    assert "no role yet" in browser_of(make_stranger()).get("/account/").content.decode()
    special = make_stranger("special")
    special.user_permissions.add(Permission.objects.get(codename="view_machine"))
    assert "no role yet" not in browser_of(special).get("/account/").content.decode()
    assert "You have full access." in browser_of(make_superuser()).get("/account/").content.decode()


def test_top_bar_leads_to_the_account(vera: User) -> None:
    shown = browser_of(vera).get("/password/").content.decode()

    assert '<a class="topbar__user" href="/account/">vera</a>' in shown


def test_page_without_a_role_is_refused_kindly() -> None:
    response = browser_of(make_stranger()).get("/")

    assert response.status_code == 403
    assert "An administrator can assign a role" in response.content.decode()
    assert "Go to your account" in response.content.decode()


def test_page_of_another_role_leads_back_to_the_plant() -> None:
    response = browser_of(make_person("enno", "engineer")).get("/admin/auth/user/")

    assert response.status_code == 403
    assert "Go to the plant" in response.content.decode()


def test_password_changed_keeps_this_session_and_ends_all_else(vera: User) -> None:
    here, there, other = browser_of(vera), browser_of(vera), browser_of(make_person("otto"))
    token = token_of(vera)

    response = here.post("/password/", CHANGE)

    assert (response.status_code, response["Location"]) == (302, "/account/")
    assert "Your password has been changed." in said(response)[0]
    assert [is_in(here), is_in(there), is_in(other)] == [True, False, True]
    assert not is_valid(token)
    assert is_valid(token_of(vera, NEW))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"old_password": "wrong"}, "Your old password was entered incorrectly"),
        ({"new_password2": "another one, long enough"}, "didn’t match"),
        ({"new_password1": "12345", "new_password2": "12345"}, "too short"),
        ({"new_password1": ""}, "This field is required"),
    ],
)
def test_password_that_does_not_fit_is_refused(
    vera: User, changes: dict[str, str], text: str
) -> None:
    here, there = browser_of(vera), browser_of(vera)

    response = here.post("/password/", CHANGE | changes)

    assert response.status_code == 200
    assert text in response.content.decode().replace("&#x27;", "’")
    assert is_in(there)


def test_password_page_is_ours_and_asks_for_the_right_things(vera: User) -> None:
    shown = browser_of(vera).get("/password/").content.decode()

    assert "Change password · Digital Twin" in shown
    assert shown.count('autocomplete="new-password"') == 2
    assert "css/pages/login.css" in shown


def test_admins_change_their_password_on_the_same_page() -> None:
    response = browser_of(make_superuser()).get("/admin/password_change/", follow=True)

    assert response.redirect_chain == [("/password/", 302)]


def test_logout_ends_this_session_and_all_tokens(vera: User) -> None:
    here, there = browser_of(vera), browser_of(vera)
    token = token_of(vera)

    here.post("/logout/")

    assert [is_in(here), is_in(there), is_valid(token)] == [False, True, False]


def test_logout_everywhere_ends_all_sessions_and_tokens_of_this_user(vera: User) -> None:
    here, there, other = browser_of(vera), browser_of(vera), browser_of(make_person("otto"))
    token = token_of(vera)

    response = here.post("/logout/everywhere/")

    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert said(response) == ["You have been logged out everywhere."]
    assert [is_in(here), is_in(there), is_in(other)] == [False, False, True]
    assert not is_valid(token)
    assert is_in(browser_of(vera))


def test_logout_everywhere_is_a_post_with_a_csrf_token(vera: User) -> None:
    here = Client(enforce_csrf_checks=True)
    here.force_login(vera)

    assert here.get("/logout/everywhere/").status_code == 405
    assert here.post("/logout/everywhere/").status_code == 403
    assert is_in(here)


def test_logout_everywhere_of_nobody_harms_nobody(vera: User) -> None:
    here = browser_of(vera)

    assert Client().post("/logout/everywhere/").status_code == 302
    assert is_in(here)


def test_sessions_that_nobody_can_read_stand_in_nobodys_way(vera: User) -> None:
    later = timezone.now() + timedelta(days=1)
    Session.objects.create(session_key="x" * 32, session_data="nonsense", expire_date=later)
    there = browser_of(vera)

    end_sessions(vera)

    assert not is_in(there)
    assert Session.objects.get().session_key == "x" * 32
