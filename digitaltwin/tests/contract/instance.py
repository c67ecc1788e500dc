"""A running instance, used from outside: admin pages, device keys, tokens, raw sockets."""

import re
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

from digitaltwin.tests.support.servers import wait_for
from sensors.timestamps import format_us, now_us

URL = "/api/v1/sensors/readings"
BATCH_URL = f"{URL}/batch"
SENSORS = ("temperature", "speed", "humidity", "vibration", "vibration.drive_end")
SECONDS = 15.0


class Instance:
    """Client of a running instance that makes machines, keys and users by the admin pages."""

    def __init__(self, *, url: str, username: str, password: str, server: str = "uvicorn") -> None:
        self.url = url.rstrip("/")
        self.operator = {"username": username, "password": password}
        self.server = server
        # Shorter than the server keeps an idle connection, else a request meets its end.
        limits = httpx.Limits(keepalive_expiry=2)
        self.http = httpx.Client(base_url=self.url, timeout=SECONDS, limits=limits)
        self._letters = "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(3))
        self._number = 0
        self._stamp = now_us() - 60_000_000

    def __enter__(self) -> "Instance":
        return self

    def __exit__(self, *exc: object) -> None:
        self.http.close()
        if "admin" in self.__dict__:
            self.admin.close()

    # Made before the first check

    @cached_property
    def admin(self) -> httpx.Client:
        """The logged-in browser of the operator."""
        browser = httpx.Client(base_url=self.url, timeout=SECONDS, follow_redirects=True)
        page = self._post_form(browser, "/login/", self.operator | {"next": "/"})
        assert page.url.path == "/", f"the login of {self.operator['username']} did not lead to /"
        return browser

    @cached_property
    def token(self) -> str:
        answer = self.http.post("/api/v1/auth/token", json=self.operator)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access"])

    @cached_property
    def machine(self) -> str:
        """A machine with SENSORS."""
        return self.new_machine()

    @cached_property
    def retired(self) -> str:
        return self.new_machine(active=False)

    @cached_property
    def key(self) -> str:
        """A key for all machines."""
        return self.new_key(all_machines=True)

    @cached_property
    def registers(self) -> bool:
        """True when AUTO_REGISTER_MACHINES is on."""
        stranger = self.new_id()
        return self.send(self.reading(machine_id=stranger, value="x")).status_code != 404 and (
            self.send(self.reading(machine_id=stranger)).status_code == 201
        )

    # Making things

    def new_id(self) -> str:
        self._number += 1
        return f"{self._letters}-{self._number:03}"

    def new_machine(self, *, active: bool = True, sensors: tuple[str, ...] = SENSORS) -> str:
        """Create a machine in the admin; wait until devices may post to it."""
        machine_id = self.new_id()
        path = "/admin/sensors/machine/add/"
        types = dict(
            re.findall(r'<option value="(\d+)">([a-z_]+)</option>', self.admin.get(path).text)
        )
        pks = {slug: pk for pk, slug in types.items()}
        form = {"machine_id": machine_id, "kind": "mill", "line": "Contract"}
        form |= {f"sensors-{name}": "0" for name in ("INITIAL_FORMS", "MIN_NUM_FORMS")}
        form |= {"sensors-TOTAL_FORMS": str(len(sensors)), "sensors-MAX_NUM_FORMS": "1000"}
        for at, name in enumerate(sensors):
            slug, _, position = name.partition(".")
            form |= {f"sensors-{at}-sensor_type": pks[slug], f"sensors-{at}-position": position}
        if active:
            form["active"] = "on"
        page = self._post_form(self.admin, path, form)
        assert page.url.path == "/admin/sensors/machine/", _errors(page.text)
        sent = self.reading(machine_id=machine_id, unit="parsec")
        wanted = 400 if active else 409
        wait_for(lambda: self.send(sent).status_code == wanted, what=f"{machine_id} is known")
        return machine_id

    def new_key(self, *, all_machines: bool = False, machines: tuple[str, ...] = ()) -> str:
        form: dict[str, Any] = {"name": f"contract {secrets.token_hex(4)}"}
        if all_machines:
            form["all_machines"] = "on"
        else:
            form["machines"] = [self.pk_of(machine_id) for machine_id in machines]
        page = self._post_form(self.admin, "/admin/sensors/devicekey/add/", form)
        found = re.search(r"dt_[0-9a-f]+\.[\w-]+", page.text)
        assert found, _errors(page.text)
        wait_for(lambda: self._is_taken(found[0]), what="a new key is taken", seconds=5)
        return found[0]

    def new_person(self, group: str) -> dict[str, str]:
        """Create a user in this group; return username and password."""
        name = f"person-{secrets.token_hex(4)}"
        person = {"username": name, "password": secrets.token_urlsafe(12)}
        form = {"username": name, "usable_password": "true"}
        form |= dict.fromkeys(("password1", "password2"), person["password"])
        page = self._post_form(self.admin, "/admin/auth/user/add/", form)
        assert page.url.path.endswith("/change/"), _errors(page.text)
        self.change_person(name, group=group)
        return person

    def change_person(self, username: str, *, group: str, active: bool = True) -> None:
        found = self.admin.get("/admin/auth/user/", params={"q": username}).text
        pk = re.search(r"/admin/auth/user/(\d+)/change/", found)
        assert pk, f"the admin does not list {username}"
        page = self.admin.get(f"/admin/auth/user/{pk[1]}/change/").text
        form = dict(re.findall(r'name="(date_joined_\d)" value="([^"]+)"', page))
        groups = re.findall(rf'<option value="(\d+)"[^>]*>{group}</option>', page)
        form |= {"username": username, "groups": groups} | ({"is_active": "on"} if active else {})
        answer = self._post_form(self.admin, f"/admin/auth/user/{pk[1]}/change/", form)
        assert answer.url.path == "/admin/auth/user/", _errors(answer.text)

    def pk_of(self, machine_id: str) -> str:
        page = self.admin.get("/admin/sensors/machine/", params={"q": machine_id})
        found = re.search(r"/admin/sensors/machine/(\d+)/change/", page.text)
        assert found, f"the admin does not list {machine_id}"
        return found[1]

    def _is_taken(self, key: str) -> bool:
        return self.send({}, key=key).status_code != 401

    @staticmethod
    def _post_form(browser: httpx.Client, path: str, form: Mapping[str, Any]) -> httpx.Response:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(path).text)
        assert token, f"{path} has no form"
        headers = {"Referer": str(browser.base_url)}
        data = {**form, "csrfmiddlewaretoken": token[1]}
        return browser.post(path, data=data, headers=headers)

    # Talking to it

    def reading(self, **changes: Any) -> dict[str, Any]:
        """Build a valid reading with a new timestamp."""
        self._stamp += 1000
        fields = {
            "machine_id": changes.get("machine_id") or self.machine,
            "sensor_type": "temperature",
            "value": 21.5,
            "unit": "celsius",
            "timestamp": format_us(self._stamp),
        }
        return fields | changes

    def send(
        self, body: Any, *, url: str = URL, key: str | None = None, **headers: str
    ) -> httpx.Response:
        """Send a POST as a device does; `body` is JSON data, or bytes that are sent unchanged."""
        content = body if isinstance(body, bytes) else httpx.Request("POST", "/", json=body).content
        given = {
            "Authorization": f"Bearer {key or self.key}",
            "Content-Type": "application/json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        given = {name: value for name, value in given.items() if value}
        return self.http.post(url, content=content, headers=given)

    def see(self, path: str, **params: Any) -> httpx.Response:
        """Send a GET under /api/v1 with the operator's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.get(f"/api/v1{path}", params=params or None, headers=headers)

    def raw(self, *parts: bytes, seconds: float = 5.0, pause: float = 0.0) -> bytes:
        """Send bytes; return the response until the server closes, or for so many seconds."""
        with self.connection() as there:
            with suppress(ConnectionError):
                for part in parts:
                    there.sendall(part)
                    time.sleep(pause)
            return received(there, seconds=seconds)

    def connection(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname or "", parts.port or 80), SECONDS)

    def head(self, *lines: str, path: str = URL, method: str = "POST") -> bytes:
        """Write the head of a device's request by hand."""
        own = [
            f"{method} {path} HTTP/1.1",
            f"Host: {urlsplit(self.url).netloc}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
        ]
        return "\r\n".join([*own, *lines, "", ""]).encode("latin-1")


def received(there: socket.socket, *, seconds: float) -> bytes:
    """Receive until the peer closes or is silent for so long."""
    there.settimeout(seconds)
    found = b""
    with suppress(TimeoutError, ConnectionError):
        while part := there.recv(65536):
            found += part
            if b"\r\n\r\n" in found and b"connection: close" not in found.lower():
                there.settimeout(0.5)
    return found


def status_of(answer: bytes) -> int:
    """Return the status of the first response; 0 without a response."""
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


def _errors(page: str) -> str:
    found = re.findall(r'class="errorlist[^"]*"[^>]*>(.*?)</ul>', page, re.DOTALL)
    return f"the form was refused: {found}"
