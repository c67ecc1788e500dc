"""Contract 6: pages, as far as no script is needed to see it (browsers: test_pages_browser)."""

import re

import httpx

from digitaltwin.tests.contract.instance import Instance
from digitaltwin.tests.contract.rest.ingest import taken
from digitaltwin.tests.contract.walk import clause, expect, hold

PAGES = ("/", "/admin/", "/login/")
INLINE = re.compile(r"<style\b|\sstyle=|\son\w+=\"|<script(?![^>]*\bsrc=)(?![^>]*application/json)")


@clause("pages", "pages need a login at /login/ and lead back")
def _(here: Instance) -> None:
    for path in ("/", f"/machines/{here.machine}/"):
        answer = here.http.get(path)
        expect(answer.status_code, 302, path)
        hold(answer.headers["location"].startswith("/login/?next="), "to the login")
    hold(here.http.get("/admin/").status_code == 302, "the admin too")


@clause("pages", "the plant lists machines; the twin has its values in it before any script runs")
def _(here: Instance) -> None:
    machine_id = here.new_machine(sensors=("temperature",))
    taken(here, here.reading(machine_id=machine_id, value=33.25))
    hold(machine_id in here.admin.get("/").text, "the machine is on the plant page")
    page = here.admin.get(f"/machines/{machine_id}/").text
    hold("33.25" in page, "the value is in the page")
    expect(here.admin.get("/machines/ZZZ-999/").status_code, 404, "an unknown machine")


@clause("pages", "strict CSP on every page, admin included; no inline script or style")
def _(here: Instance) -> None:
    for path in (*PAGES, f"/machines/{here.machine}/", "/admin/sensors/machine/", "/nothing"):
        page: httpx.Response = here.admin.get(path)
        policy = page.headers.get("content-security-policy", "")
        hold("default-src 'self'" in policy, f"{path}: {policy!r}")
        hold("unsafe" not in policy, f"{path}: {policy!r}")
        found = INLINE.search(page.text)
        hold(found is None, f"{path}: inline {found and found[0]!r}")
        hold(not re.search(r'(?:src|href)="(?:https?:)?//', page.text), f"{path}: another host")


@clause("pages", "counters stand at the foot of the plant page")
def _(here: Instance) -> None:
    hold("sensor_readings_processed" in here.admin.get("/").text, "sensor_readings_processed")
