"""Ended rights: refused within five seconds in every process, sockets too."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import websockets

from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.servers import ROOT, environment
from sensors.timestamps import format_us, now_us

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SECONDS = 5.0
PASSWORD, NEW = "correct horse battery staple", "a brand new one, long enough"
PASSWORDS = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
USERS, KEYS = "/admin/auth/user/", "/admin/sensors/devicekey/"
READINGS, MACHINES = "/api/v1/sensors/readings", "/api/v1/machines"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("up") / "data"
    with running(folder, "--web-processes", "2", AUTO_REGISTER_MACHINES="true") as product:
        yield product


class Browser:
    """A logged-in browser; it posts forms as pages do."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.AsyncClient(base_url=url, timeout=10)

    async def log_in(self, username: str, password: str) -> None:
        await self._client.get("/login/")
        answer = await self.post("/login/", username=username, password=password)
        assert answer.headers["Location"] == "/"

    async def get(self, path: str) -> httpx.Response:
        return await self._client.get(path)

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        token = self._client.cookies["csrftoken"]
        return await self._client.post(path, data={"csrfmiddlewaretoken": token, **fields})

    async def token(self, username: str) -> str:
        body = {"username": username, "password": PASSWORD}
        answer = await self._client.post("/api/v1/auth/token", json=body)
        return str(answer.json()["access"])

    def cookie(self) -> str:
        return f"sessionid={self._client.cookies['sessionid']}"

    async def aclose(self) -> None:
        await self._client.aclose()


Open = Callable[..., Awaitable[Browser]]


@pytest.fixture
async def open_browser(product: Product) -> AsyncIterator[Open]:
    """Provide `await open_browser(username, password)`, a logged-in browser."""
    opened: list[Browser] = []

    async def open_browser(username: str, password: str) -> Browser:
        opened.append(Browser(product.url))
        await opened[-1].log_in(username, password)
        return opened[-1]

    yield open_browser
    for browser in opened:
        await browser.aclose()


@pytest.fixture
async def root(product: Product, open_browser: Open) -> Browser:
    """The browser of the first user."""
    return await open_browser(**product.facts["operator"])


class Viewer:
    """A person with the role viewer: two browsers, and a program with a token."""

    def __init__(self, username: str, page: str) -> None:
        self.username = username
        self.page = page
        self.here: Browser
        self.there: Browser
        self.bearer: dict[str, str]

    async def arrive(self, open_browser: Open) -> None:
        self.here = await open_browser(self.username, PASSWORD)
        self.there = await open_browser(self.username, PASSWORD)
        self.bearer = {"Authorization": f"Bearer {await self.here.token(self.username)}"}

    async def statuses(self) -> tuple[int, int]:
        """Request the list of machines as browser and as program; return the statuses."""
        async with httpx.AsyncClient(base_url=self.here.url, headers=self.bearer) as program:
            return (
                (await self.here.get(MACHINES)).status_code,
                (await program.get(MACHINES)).status_code,
            )

    async def sockets(self) -> list[websockets.ClientConnection]:
        """Open the sockets of browser and program; wait for their initial data."""
        address = self.here.url.replace("http", "ws") + "/ws/dashboard"
        proofs = [{"Cookie": self.here.cookie(), "Origin": self.here.url}, self.bearer]
        sockets = [await websockets.connect(address, additional_headers=one) for one in proofs]
        for socket in sockets:
            assert "initial_data" in str(await socket.recv())
        return sockets

    def form(self, **changes: Any) -> dict[str, Any]:
        joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        return {"username": self.username, "is_active": "on", **joined, **changes}


async def make_viewer(root: Browser, username: str) -> Viewer:
    made = await root.post(f"{USERS}add/", username=username, **PASSWORDS)
    viewer = Viewer(username, made.headers["Location"])
    shown = (await root.get(viewer.page)).text
    role = re.search(r'<option value="(\d+)">viewer</option>', shown)
    assert role is not None
    await root.post(viewer.page, **viewer.form(groups=role[1]))
    return viewer


async def log_out(viewer: Viewer, root: Browser) -> None:
    await viewer.here.post("/logout/")


async def log_out_everywhere(viewer: Viewer, root: Browser) -> None:
    await viewer.there.post("/logout/everywhere/")


async def change_password(viewer: Viewer, root: Browser) -> None:
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    await viewer.there.post("/password/", **fields)


async def be_deactivated(viewer: Viewer, root: Browser) -> None:
    await root.post(viewer.page, **viewer.form(is_active=""))


async def lose_the_role(viewer: Viewer, root: Browser) -> None:
    await root.post(viewer.page, **viewer.form())


ENDS = {
    log_out: (401, 4401),
    log_out_everywhere: (401, 4401),
    change_password: (401, 4401),
    be_deactivated: (401, 4401),
    lose_the_role: (403, 4403),
}


async def test_whoever_loses_the_right_to_see_is_out_in_five_seconds(
    root: Browser, open_browser: Open
) -> None:
    async with AsyncExitStack() as stack:
        viewers = [await make_viewer(root, end.__name__) for end in ENDS]
        colleague = await make_viewer(root, "colleague")
        for viewer in (*viewers, colleague):
            await viewer.arrive(open_browser)
            assert await viewer.statuses() == (200, 200)
        sockets = [await viewer.sockets() for viewer in (*viewers, colleague)]
        for browsers, programs in sockets:
            stack.push_async_callback(browsers.close)
            stack.push_async_callback(programs.close)

        began = time.monotonic()
        for end, viewer in zip(ENDS, viewers, strict=True):
            await end(viewer, root)
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + SECONDS):
            for viewer, (status, _) in zip(viewers, ENDS.values(), strict=True):
                assert await viewer.statuses() == (status, status), viewer.username
            for pair in sockets[:-1]:
                await asyncio.gather(*(socket.wait_closed() for socket in pair))
        took = time.monotonic() - began

        codes = [[socket.close_code for socket in pair] for pair in sockets[:-1]]
        assert codes == [[code, code] for _, code in ENDS.values()]
        assert took < SECONDS
        assert await colleague.statuses() == (200, 200)
        assert [socket.close_code for socket in sockets[-1]] == [None, None]


# A change of the scope, as docs/people.md has it.
RESTRICT = """
from django.contrib.auth.models import User
from sensors.models import Machine, ScopeRestriction

machine = Machine.objects.get(machine_id="CNC-001")
machine.line = "Line A"
machine.save()
ScopeRestriction.objects.create(user=User.objects.get(username="restricted"), line="Line A")
"""


async def test_whoever_is_restricted_sees_nothing_else_after_five_seconds(
    product: Product, root: Browser, open_browser: Open
) -> None:
    with product.device() as device:
        for machine_id in ("CNC-001", "CNC-002"):
            assert device.post(READINGS, json=make_reading(machine_id)).status_code == 201
    viewer = await make_viewer(root, "restricted")
    await viewer.arrive(open_browser)
    sockets = await viewer.sockets()

    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", RESTRICT]
    settings = {"DATA_DIR": str(product.data), "REDIS_URL": ""}
    await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment(**settings), check=True
    )
    began = time.monotonic()
    listed = (await viewer.here.get(MACHINES)).json()["results"]
    await asyncio.gather(*(socket.wait_closed() for socket in sockets))
    took = time.monotonic() - began

    assert took < SECONDS
    assert [socket.close_code for socket in sockets] == [1013, 1013]
    assert [machine["machine_id"] for machine in listed] == ["CNC-001"]
    assert (await viewer.here.get(f"{MACHINES}/CNC-002")).status_code == 404
    for socket in await viewer.sockets():
        await socket.send('{"type": "get_latest"}')
        while '"latest"' not in (text := str(await socket.recv())):
            assert "CNC-002" not in text
        assert "CNC-001" in text
        assert "CNC-002" not in text
        await socket.close()


async def test_revoked_key_is_refused_in_five_seconds(product: Product, root: Browser) -> None:
    shown = (await root.post(f"{KEYS}add/", name="gateway", all_machines="on")).text
    key = re.search(r"dt_[\w-]+\.[\w-]+", shown)
    row = re.search(r'value="(\d+)"[^>]*>(?:(?!</tr>).)*gateway', (await root.get(KEYS)).text, re.S)
    assert key is not None
    assert row is not None
    headers = {"Authorization": f"Bearer {key[0]}"}

    async with httpx.AsyncClient(base_url=product.url, headers=headers) as device:
        assert await until(device, 201) < SECONDS

        await root.post(KEYS, action="revoke", _selected_action=row[1])

        assert await until(device, 401) < SECONDS


def make_reading(machine_id: str) -> dict[str, Any]:
    """A reading measured now."""
    reading = {"machine_id": machine_id, "sensor_type": "temperature", "value": 20, "unit": "Cel"}
    return {**reading, "timestamp": format_us(now_us())}


async def until(device: httpx.AsyncClient, status: int) -> float:
    """Measure the seconds until ten readings in a row get this status, from any process."""
    began, seen = time.monotonic(), 0
    while seen < 10:
        answer = await device.post(
            READINGS, json=make_reading("CNC-001"), headers={"Connection": "close"}
        )
        seen = seen + 1 if answer.status_code == status else 0
        assert time.monotonic() - began < 2 * SECONDS, answer.text
    return time.monotonic() - began
