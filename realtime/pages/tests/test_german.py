"""The pages in German, chosen or asked for; what programs read stays as it is."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override

from realtime.pages.machine import clock_sentence
from realtime.pages.tests.test_pages import CASES, make_machine, make_viewer, page_of, send
from realtime.presentation import texts
from sensors.enums import Quality

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
# The same in both languages: names, signs of units, and sentences of places alone.
SHARED = {"Online", "Offline", "{n} d", "{n} h", "{n} min", "{n} s", "{n} ms"}
FULL = 85.4321987


@pytest.fixture
def viewer(empty_log: None, db: None) -> Client:
    """Someone who may see, and whose browser asks for German."""
    client = Client(headers=GERMAN)
    client.force_login(make_viewer())
    return client


def flat(words: dict[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, word in words.items():
        inner = word if isinstance(word, dict) else {"": word}
        found |= {f"{name}.{key}": str(text) for key, text in inner.items()}
    return found


def test_no_english_word_is_left_for_the_scripts() -> None:
    english = flat(texts.words())
    with override("de"):
        german = flat(texts.words())

    same = {word for name, word in german.items() if english[name] == word}

    assert same == SHARED
    assert german["decimal."] == ","


def test_numbers_have_a_comma_as_the_scripts_write_them() -> None:
    with override("de"):
        assert [texts.number_text(value) for value, _words in CASES["german_numbers"]] == [
            words for _value, words in CASES["german_numbers"]
        ]
        assert clock_sentence(0.25) == "synchron (250 ms)"
        assert clock_sentence(180) == "geht 3 min vor"
        assert clock_sentence(-4000.001) == "1 h 7 min vor dem Eintreffen gemessen"


def test_page_is_german_for_who_asks_for_it(viewer: Client) -> None:
    make_machine()
    send(quality=Quality.UNCERTAIN, age=400)

    answer = viewer.get("/machines/CNC-001/")

    page = answer.content.decode()
    assert '<html lang="de">' in page
    assert (answer["Content-Language"], "Accept-Language" in answer["Vary"]) == ("de", True)
    for word in ("Temperatur", "unsicher", "veraltet", "vor 6 min", "Messbereich -50 bis 200 °C"):
        assert word in page
    assert "Skip to" not in page


def test_values_for_programs_keep_their_point(viewer: Client) -> None:
    make_machine()
    send()

    for path in ("/", "/machines/CNC-001/"):
        page = page_of(viewer, path)
        assert f'title="85,4321987">{texts.number_text(FULL).replace(".", ",")}</span>' in page
        assert {float(value) for value in re.findall(r'data-value="([^"]+)"', page)} == {FULL}
        assert all(float(found) for found in re.findall(r'data-(?:min|max)="([^"]+)"', page))
    assert re.search(r'class="range__mark"[^>]* x="\d+\.\d+"', page)


def test_choice_wins_over_what_the_browser_asks_for(viewer: Client) -> None:
    answer = viewer.post("/language", {"language": "en", "next": "/?order=urgency"})

    assert (answer.status_code, answer["Location"]) == (302, "/?order=urgency")
    assert answer.cookies["language"]["max-age"] == 31_536_000
    assert '<html lang="en">' in page_of(viewer, "/")


def test_each_language_offers_the_other_by_its_own_name(viewer: Client) -> None:
    assert 'value="en" lang="en">English</button>' in page_of(viewer, "/")
    answer = viewer.get("/", headers={"Accept-Language": "fr,en;q=0.5"})
    assert 'value="de" lang="de">Deutsch</button>' in answer.content.decode()


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example"])
def test_choice_leads_nowhere_else_and_knows_its_languages(viewer: Client, back: str) -> None:
    answer = viewer.post("/language", {"language": "xx", "next": back})

    assert (answer["Location"], "language" in answer.cookies) == ("/", False)


def test_errors_and_login_are_german_too(viewer: Client) -> None:
    assert "Seite nicht gefunden" in viewer.get("/machines/CNC-999/").content.decode()
    login = Client(headers=GERMAN).get("/login/").content.decode()
    assert '<label for="id_username">Benutzername</label>' in login
    empty = Client(headers=GERMAN).post("/login/", {"username": "", "password": ""})
    assert "Geben Sie Benutzername und Passwort ein." in empty.content.decode()
    nobody = Client(headers=GERMAN)
    nobody.force_login(User.objects.create_user("nobody"))
    assert "Kein Zugriff auf diese Seite" in nobody.get("/").content.decode()


def test_first_steps_are_german_around_their_commands(viewer: Client) -> None:
    page = page_of(viewer, "/")

    assert "Noch keine Maschinen" in page
    assert "curl http://testserver/api/v1/sensors/readings" in page


def test_programs_and_admin_are_answered_in_english(viewer: Client) -> None:
    problem = Client(headers=GERMAN).get("/api/v1/machines")
    admin = Client(headers=GERMAN)
    admin.force_login(User.objects.create_superuser("boss"))

    page = admin.get("/admin/").content.decode()

    assert problem.json()["detail"] == "Authentication credentials were not provided."
    assert "Content-Language" not in problem.headers
    assert "Site administration" in page
    assert "Verwaltung" not in page
