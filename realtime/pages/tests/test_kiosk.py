"""A page on the wall as it comes from the server."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from realtime.pages.kiosk import release
from realtime.pages.tests.test_pages import make_machine, make_viewer, page_of, send

CHROME = ('class="topbar"', 'class="skip"', 'class="foot"', 'data-part="keys"')
PATHS = ("/", "/machines/CNC-001/")


@pytest.fixture
def viewer(client: Client, empty_log: None, db: None) -> Client:
    client.force_login(make_viewer())
    make_machine()
    send()
    return client


@pytest.mark.parametrize("path", PATHS)
def test_page_on_the_wall_has_values_clock_and_banner_alone(viewer: Client, path: str) -> None:
    page = page_of(viewer, f"{path}?kiosk=1")

    assert f' kiosk" data-release="{release()}"' in page
    assert [part for part in CHROME if part in page] == []
    assert "85.4322" in page
    assert 'data-part="clock"' in page
    assert 'data-part="banner"' in page


@pytest.mark.parametrize("path", PATHS)
def test_other_pages_know_nothing_of_it(viewer: Client, path: str) -> None:
    for query in ("", "?kiosk=0", "?kiosk="):
        page = page_of(viewer, path + query)
        assert "data-release" not in page
        assert "kiosk.css" not in page
        assert [part for part in CHROME if part not in page] == []


def test_links_stay_on_the_wall(viewer: Client) -> None:
    for path in PATHS:
        page = re.sub(r"(?s)<form [^>]*hidden>.*?</form>", "", page_of(viewer, f"{path}?kiosk=1"))
        links = re.findall(r'<a [^>]*href="([^"]+)"', page)
        stays = {"/?kiosk=1", "/machines/CNC-001/?kiosk=1", "/?order=line&amp;kiosk=1"}
        assert {link for link in links if not link.startswith("/login/?next=")} <= stays
        assert len(links) >= 2


def test_filter_of_the_address_holds_on_the_wall(viewer: Client) -> None:
    make_machine("LAT-001")

    page = page_of(viewer, "/?kiosk=1&q=lat")

    assert re.findall(r'data-tile="([A-Z0-9-]+)"[^>]*hidden', page) == ["CNC-001"]


def test_session_lasts_as_long_as_its_screen(viewer: Client) -> None:
    soon = timezone.now() + timedelta(hours=1)
    Session.objects.update(expire_date=soon)

    page_of(viewer, "/")
    assert Session.objects.get().expire_date == soon
    answer = viewer.get("/?kiosk=1")

    assert Session.objects.get().expire_date > soon + timedelta(days=13)
    assert answer.cookies["sessionid"]["max-age"] == 14 * 86_400


def test_release_is_told_to_who_may_see(viewer: Client) -> None:
    assert viewer.get("/release").json() == {"release": release()}
    assert Client().get("/release").status_code == 302
