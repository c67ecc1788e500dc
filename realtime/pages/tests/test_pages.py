"""The pages as they come from the server: right before any script runs."""

import asyncio
import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.template import Engine
from django.test import AsyncClient, Client

from realtime.presentation import texts
from sensors.enums import Quality
from sensors.messages import LiveReading
from sensors.models import Machine, Sensor, SensorType
from sensors.store.client import make_client
from sensors.store.store import Store
from sensors.tests.outages import redis_away
from sensors.timestamps import SECOND_US, now_us, parse_rfc3339

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = Path(settings.BASE_DIR) / "templates"
CASES = json.loads((STATIC / "js/tests/cases.json").read_text(encoding="utf-8"))
Queries = Callable[..., Any]


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    asyncio.run(_flush())


async def _flush() -> None:
    client = make_client(settings.REDIS_URL)
    await client.flushall()
    await client.aclose()


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    """Someone who may see."""
    client.force_login(make_viewer())
    return client


def make_viewer() -> User:
    user = User.objects.create_user("vera")
    user.user_permissions.add(Permission.objects.get(codename="view_machine"))
    return user


def make_machine(machine_id: str = "CNC-001", *, sensor: str = "temperature", **fields: Any) -> int:
    """A machine with one sensor; gives the sensor's id."""
    machine = Machine.objects.create(machine_id=machine_id, **fields)
    quantity = SensorType.objects.get(slug=sensor)
    return int(Sensor.objects.create(machine=machine, sensor_type=quantity).pk)


def send(machine_id: str = "CNC-001", *, age: float = 3, **changes: Any) -> None:
    """Log a reading of the machine's temperature, so many seconds old."""
    measured_at = now_us() - round(age * SECOND_US)
    fields: dict[str, Any] = {
        "machine_id": machine_id,
        "sensor_id": Sensor.objects.get(machine__machine_id=machine_id).pk,
        "sensor_type": "temperature",
        "unit": "Cel",
        "measured_at": measured_at,
        "received_at": measured_at,
        "value": 85.4321987,
        "quality": Quality.GOOD,
        "metadata": {},
    }
    asyncio.run(_append(LiveReading(**(fields | changes))))


async def _append(reading: LiveReading) -> None:
    store = Store(settings.REDIS_URL)
    await store.log.append([reading])
    await store.aclose()


def page_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def order_in(page: str, *words: str) -> list[str]:
    return sorted(words, key=page.index)


def test_plant_without_machines_says_what_to_do_first(viewer: Client) -> None:
    page = page_of(viewer, "/")

    assert "No machines yet" in page
    assert "curl http://testserver/api/v1/sensors/readings" in page
    assert "device_key create" in page


def test_plant_shows_the_latest_values(viewer: Client) -> None:
    make_machine(name="Mill one")
    send()

    page = page_of(viewer, "/")

    assert 'title="85.4321987">85.4322</span>' in page
    assert "°C" in page
    assert re.search(r'<span class="age" data-part="age">\d s</span>', page)
    assert 'data-quality="good" data-stale="false"' in page
    assert 'data-connectivity="online"' in page


def test_plant_groups_by_line_and_puts_first_who_needs_someone(viewer: Client) -> None:
    for machine_id, line in (
        ("AAA-001", "B"),
        ("BBB-001", "A"),
        ("CCC-001", "A"),
        ("DDD-001", "A"),
    ):
        make_machine(machine_id, site="North", area="Hall", line=line)
    send("BBB-001")
    send("CCC-001", quality=Quality.BAD)
    send("DDD-001", age=5000)

    page = page_of(viewer, "/")

    tiles = re.findall(r'data-tile="([^"]+)"', page)
    assert tiles == ["DDD-001", "CCC-001", "BBB-001", "AAA-001"]
    assert order_in(page, "North / Hall / A", "North / Hall / B") == [
        "North / Hall / A",
        "North / Hall / B",
    ]


def test_plant_keeps_retired_machines_apart(viewer: Client) -> None:
    make_machine("CNC-001")
    make_machine("OLD-001", active=False)

    page = page_of(viewer, "/")

    assert order_in(page, 'data-tile="CNC-001"', "Retired (1)", 'data-tile="OLD-001"') == [
        'data-tile="CNC-001"',
        "Retired (1)",
        'data-tile="OLD-001"',
    ]


def test_plant_names_its_time_zone_and_counts(viewer: Client) -> None:
    make_machine()
    send()

    page = page_of(viewer, "/")

    assert "Server time" in page
    assert "UTC" in page
    assert "sensor_readings_processed" in page


def test_machine_shows_value_quality_age_and_range(viewer: Client) -> None:
    make_machine(name="Mill one", kind="mill", site="North", line="A")
    send(quality=Quality.UNCERTAIN, age=400)

    page = page_of(viewer, "/machines/CNC-001/")

    assert "Mill one" in page
    assert "North / A" in page
    assert 'data-quality="uncertain" data-stale="true"' in page
    assert "range -50 to 200 °C" in page
    assert '<span class="age" data-part="age">6 min</span>' in page
    assert '<dd data-part="seen">6 min ago</dd>' in page
    assert "/api/v1/sensors/readings?machine_id=CNC-001&amp;sensor_type=temperature" in page


def test_machine_says_when_a_sensor_has_no_reading(viewer: Client) -> None:
    make_machine()

    page = page_of(viewer, "/machines/CNC-001/")

    assert "no reading yet" in page
    assert "Never seen" in page


def test_machine_says_that_it_is_retired(viewer: Client) -> None:
    make_machine(active=False)

    assert "This machine is retired" in page_of(viewer, "/machines/CNC-001/")


def test_machine_shows_a_bad_reading_without_a_value(viewer: Client) -> None:
    make_machine()
    send(value=None, quality=Quality.BAD)

    page = page_of(viewer, "/machines/CNC-001/")

    assert 'data-value=""' in page
    assert 'data-quality="bad"' in page


def test_machine_gives_its_script_the_same_state(viewer: Client) -> None:
    make_machine()
    send()

    page = page_of(viewer, "/machines/CNC-001/")

    found = re.search(r'<script id="first-state" type="application/json">(.+?)</script>', page)
    assert found is not None
    [machine] = json.loads(found[1])["machines"]
    assert machine["sensors"][0]["latest"]["value"] == 85.4321987


def test_machine_that_is_not_known_is_404(viewer: Client) -> None:
    response = viewer.get("/machines/CNC-999/")

    assert response.status_code == 404
    assert b"Page not found" in response.content


def test_admin_link_is_only_for_who_may_change(viewer: Client) -> None:
    make_machine()
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))

    link = "Edit machine"

    assert link not in page_of(viewer, "/machines/CNC-001/")
    assert link in page_of(boss, "/machines/CNC-001/")


@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/", "/machines/CNC-999/"])
def test_stranger_is_sent_to_log_in(client: Client, db: None, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response["Location"]) == (302, f"/login/?next={path}")


@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/", "/machines/CNC-999/"])
def test_user_without_a_role_is_refused(client: Client, db: None, path: str) -> None:
    make_machine()
    client.force_login(User.objects.create_user("nobody"))

    response = client.get(path)

    assert response.status_code == 403
    assert b"You do not have access to this page" in response.content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/"])
async def test_page_opens_while_redis_is_away(
    async_client: AsyncClient, empty_log: None, path: str
) -> None:
    await sync_to_async(make_machine)()
    await async_client.aforce_login(await sync_to_async(make_viewer)())

    async with redis_away():
        answer = await async_client.get(path)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert ">Live data unavailable.</p>" in page
    # There are no values that a time could be named for.
    assert not re.search(r"Values below are from \d", page)
    assert re.findall(r'data-part="quality">([^<]*)<', page) == ["unknown"]
    assert "No data received yet" not in page
    assert 'data-connectivity="unknown"' in page


@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/"])
def test_queries_do_not_grow_with_machines(
    viewer: Client, django_assert_num_queries: Queries, path: str
) -> None:
    make_machine("CNC-001")
    page_of(viewer, path)
    with django_assert_num_queries(QUERIES[path]):
        page_of(viewer, path)

    make_machine("CNC-002")
    make_machine("CNC-003")

    with django_assert_num_queries(QUERIES[path]):
        page_of(viewer, path)


# Session, user, permissions (own, groups), scope; machines and sensors; of a machine its changes
# and conflicts.
QUERIES = {"/": 7, "/machines/CNC-001/": 9}


def test_theme_is_kept_and_written_by_the_server(viewer: Client) -> None:
    answer = viewer.post("/theme", {"theme": "contrast", "next": "/?order=urgency"})

    assert (answer.status_code, answer["Location"]) == (302, "/?order=urgency")
    assert answer.cookies["theme"].value == "contrast"
    assert '<body class="theme-contrast">' in page_of(viewer, "/")


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", ""])
def test_theme_leads_nowhere_else_and_knows_its_names(client: Client, back: str) -> None:
    answer = client.post("/theme", {"theme": "pink", "next": back})

    assert (answer["Location"], "theme" in answer.cookies) == ("/", False)


def test_theme_is_no_page(client: Client) -> None:
    assert client.get("/theme").status_code == 405


def test_filter_of_the_address_hides_what_is_not_asked_for(viewer: Client) -> None:
    make_machine("CNC-001", line="A")
    make_machine("LAT-001", line="B")

    page = page_of(viewer, "/?q=lat")

    assert re.findall(r'data-tile="([A-Z0-9-]+)"[^>]*hidden', page) == ["CNC-001"]
    assert page.count('<section class="line" hidden>') == 1
    assert "No machines match this filter" in page_of(viewer, "/?q=nothing")


def test_style_page_is_for_developers_only(viewer: Client, settings: Any) -> None:
    assert viewer.get("/style/").status_code == 404

    settings.DEBUG = True
    page = page_of(viewer, "/style/")

    assert re.findall(r'data-tile="(SHW-\d+)"[^>]*data-worst="(uncertain|bad)"', page) == [
        ("SHW-002", "uncertain"),
        ("SHW-003", "bad"),
    ]
    assert "clock 1 min ahead" in page


def test_quality_is_named_with_its_sensor_while_it_is_not_good(viewer: Client) -> None:
    make_machine()
    send()
    parts = r'data-part="worst">([^<]*)<'

    good = [re.findall(parts, page_of(viewer, path)) for path in ("/", "/machines/CNC-001/")]
    send(quality=Quality.BAD, age=-1)
    bad = [re.findall(parts, page_of(viewer, path)) for path in ("/", "/machines/CNC-001/")]

    assert good == [[""], [""]]
    assert bad == [["bad (Temperature)"], ["bad (Temperature)"]]


def test_value_of_a_machine_whose_clock_is_ahead_says_so(viewer: Client) -> None:
    make_machine()
    moment = now_us()
    send(measured_at=moment + 90 * SECOND_US, received_at=moment)

    assert "clock 1 min ahead" in page_of(viewer, "/")


def test_words_and_figures_are_those_of_the_script() -> None:
    for value, words in CASES["numbers"]:
        assert texts.number_text(value) == words
    for value, words in CASES["full"]:
        assert texts.full_text(None if value is None else float(value)) == words
    for seconds, words in CASES["ages"]:
        assert texts.age_text(seconds) == words
    for seconds, words in CASES["durations"]:
        assert texts.duration_text(seconds) == words
    for qualities, words in CASES["quality_notes"]:
        worst = texts.worst_quality(qualities.values())
        assert texts.quality_note(qualities, worst) == words
    for connectivity, worst, some_stale, turn in CASES["urgencies"]:
        assert texts.urgency(connectivity, worst, some_stale=some_stale) == turn
    for timestamp, received_at, words in CASES["clocks"]:
        skew = (parse_rfc3339(timestamp) - parse_rfc3339(received_at)) / SECOND_US
        assert texts.clock_word(skew) == words
    assert texts.words() == CASES["words"]


def test_templates_hold_no_inline_script_style_or_handler() -> None:
    for template in TEMPLATES.rglob("*.html"):
        if "admin" in template.relative_to(TEMPLATES).parts:
            continue
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), template


@pytest.mark.parametrize("path", ["/", "/?kiosk=1", "/machines/CNC-001/", "/style/"])
def test_templates_print_no_undefined_variable(
    viewer: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    settings.DEBUG = True
    make_machine()
    make_machine("OLD-001", active=False)
    send()
    viewer.cookies["theme"] = "light"
    monkeypatch.setattr(Engine.get_default(), "string_if_invalid", "UNDEFINED: %s")

    assert re.findall(r"UNDEFINED: \S+", page_of(viewer, path)) == []


def test_vendored_files_are_what_their_readme_says() -> None:
    [folder] = (STATIC / "vendor").glob("uplot-*")
    readme = (folder / "README.md").read_text(encoding="utf-8")

    promised = dict(re.findall(r"\| (\S+) \| sha384-(\S+) \|", readme))

    assert sorted(promised) == ["LICENSE", "uPlot.esm.js", "uPlot.min.css"]
    for name, digest in promised.items():
        found = hashlib.sha384((folder / name).read_bytes()).digest()
        assert base64.b64encode(found).decode() == digest


def test_scripts_are_short_and_write_text_only() -> None:
    for script in (STATIC / "js").rglob("*.js"):
        source = script.read_text(encoding="utf-8")
        if "tests" not in script.parts:
            assert source.count("\n") <= 120, script
            assert not re.search(r"innerHTML|insertAdjacent|outerHTML|eval\(", source), script


def test_page_is_compressed_for_a_browser_that_takes_it(viewer: Client) -> None:
    make_machine()

    answer = viewer.get("/", headers={"accept-encoding": "gzip"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert b"CNC-001" in gzip.decompress(answer.content)
