"""The offline page and its cached files, which hold nothing of a user."""

import re
from pathlib import Path

from django.conf import settings
from django.test import Client
from django.urls import reverse

from digitaltwin.site import offline

WORKER = "/service-worker.js"
SCRIPT = Path(settings.BASE_DIR) / "static/js/pages/offline.js"


def version_of(client: Client) -> str:
    [version] = re.findall(r'"offline-([0-9a-f]{16})"', client.get(WORKER).text)
    return str(version)


def test_worker_is_a_script_that_is_asked_for_anew(client: Client) -> None:
    answer = client.get(WORKER)

    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "no-store" in answer.headers["Cache-Control"]


def test_worker_keeps_the_page_and_all_that_it_asks_for(client: Client) -> None:
    html = client.get(reverse("offline")).text
    [kept] = re.findall(r"FILES = \[(.*)\];", client.get(WORKER).text)

    asked = re.findall(r'(?:href|src)="(/[^"]+)"', html)
    imported = [
        f"/static/js/{name}" for name in re.findall(r'from "\.\./(.+)"', SCRIPT.read_text())
    ]
    assert len(imported) == 1
    assert {*asked, *imported, "/offline/"} == set(re.findall(r'"([^"]+)"', kept))


def test_page_knows_nobody_and_sets_no_cookie(client: Client) -> None:
    answer = client.get(reverse("offline"))

    assert answer.status_code == 200
    assert not answer.cookies
    assert "csrf" not in answer.text


def test_version_changes_with_the_colours_of_the_page(client: Client) -> None:
    before = version_of(client)
    client.cookies["theme"] = "contrast"

    assert "theme-contrast" in client.get(reverse("offline")).text
    assert version_of(client) != before


def test_version_is_the_same_for_the_same(client: Client) -> None:
    assert version_of(client) == version_of(client)


def test_version_changes_with_a_file_that_is_kept() -> None:
    assert offline._version("<p>one</p>") != offline._version("<p>other</p>")
