"""Bad input W and X: handshakes, frames and messages of sockets."""

import struct
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from digitaltwin.tests.contract.instance import Instance, status_of
from digitaltwin.tests.contract.walk import Check, NotHere, expect, hold
from digitaltwin.tests.contract.wire import (
    CLOSE,
    PING,
    TEXT,
    asked,
    close_code,
    frame,
    handshake,
    head,
    machine_path,
    message,
    opened,
    raw_socket,
)


def cookie_of(browser: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def from_origin(*origins: str) -> Check:
    """Make a check that a session's handshake is refused by 403 (an empty origin: no header)."""

    def check(here: Instance) -> None:
        for origin in origins:
            lines = [f"Cookie: {cookie_of(here.admin)}"]
            if origin:
                lines.append(f"Origin: {origin.format(host=urlsplit(here.url).hostname)}")
            expect(handshake(here, *lines, token=False), 403, f"Origin {origin or 'missing'}")

    return check


def other_port(here: Instance) -> None:
    host = urlsplit(here.url).hostname
    from_origin(f"http://{host}:1", f"https://{urlsplit(here.url).netloc}")(here)


def token_in_the_query(here: Instance) -> None:
    path = f"{machine_path(here)}?token={here.token}"
    expect(handshake(here, path=path, token=False), 101, "status")


def bad_key(here: Instance) -> None:
    for key in ("none", "short"):
        expect(handshake(here, key=key), 400, f"Sec-WebSocket-Key {key}")


def no_deflate(here: Instance) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    answer = here.raw(head(here, offer), seconds=2)
    expect(status_of(answer), 101, "status")
    hold(b"permessage-deflate" not in answer, "it is not accepted")


def ends_with(code: int, *frames: bytes) -> Check:
    def check(here: Instance) -> None:
        with raw_socket(here) as there:
            for one in frames:
                there.sendall(one)
            found = close_code(there)
            if here.server == "daphne" and found == 0:
                raise NotHere("Autobahn drops the connection without a code")
            expect(found, code, "close code")

    return check


def message_too_large(here: Instance) -> None:
    with opened(here) as client:
        message(client)
        client.send("x" * (64 * 1024 + 1))
        try:
            while True:
                client.recv(timeout=5)
        except ConnectionClosed as exc:
            expect(exc.rcvd and exc.rcvd.code, 1009, "close code")


def many_fragments(here: Instance) -> None:
    """Send up to a million empty fragments; the server closes the socket before a megabyte."""
    with raw_socket(here) as there:
        there.sendall(frame(TEXT, b"", final=False))
        part = frame(0, b"", final=False) * 1000
        try:
            for _ in range(1000):
                there.sendall(part)
        except OSError:
            return  # closed while we were sending
        code = close_code(there)
    if here.server == "daphne" and code == 0:
        raise NotHere("Autobahn takes them and waits for the end")
    hold(code in (1009, 4429, 1002), f"closed, got {code}")


def bad_close_codes(here: Instance) -> None:
    for code in (1005, 999, 5000):
        ends_with(1002, frame(CLOSE, struct.pack("!H", code)))(here)


def reset(here: Instance) -> None:
    with raw_socket(here) as there:
        linger = struct.pack("ii", 1, 0)
        there.sendall(frame(TEXT, b"x" * 100)[:20])
        there.setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER: close resets
    expect(here.http.get("/api/v1/health/live").status_code, 200, "the server goes on")


def told(code: str, *messages: Any, path: str = "") -> Check:
    """Make a check that each message is answered by this error and the socket stays open."""

    def check(here: Instance) -> None:
        with opened(here, path) as client:
            message(client)
            for one in messages:
                answer = asked(client, one)
                found = (answer["type"], answer["data"].get("code"))
                expect(found, ("error", code), f"{one!r:.60}")
            expect(asked(client, {"type": "ping"})["type"], "pong", "still open")

    return check


def starts_anew(*cursors: str) -> Check:
    """Make a check that a socket with such a cursor is not recovered."""

    def check(here: Instance) -> None:
        for cursor in cursors:
            with opened(here, f"{machine_path(here)}?cursor={cursor}") as client:
                first = message(client)
            expect(first["type"], "initial_data", "the first message")
            expect(first["data"]["recovered"], False, f"recovered from {cursor}")

    return check


def cursor_ahead(here: Instance) -> None:
    with opened(here) as client:
        epoch = message(client)["cursor"].partition(".")[0]
    starts_anew(f"{epoch}.{int(time.time() * 1000) + 10_000_000}-0")(here)


def no_longer_welcome(here: Instance) -> None:
    person = here.new_person("viewer")
    token = here.http.post("/api/v1/auth/token", json=person).json()["access"]
    address = here.url.replace("http", "ws", 1) + machine_path(here)
    with connect(address, additional_headers={"Authorization": f"Bearer {token}"}) as client:
        expect(message(client)["type"], "initial_data", "while welcome")
        here.change_person(person["username"], group="viewer", active=False)
        ended = time.monotonic()
        try:
            while True:
                client.recv(timeout=10)
        except ConnectionClosed as exc:
            expect(exc.rcvd and exc.rcvd.code, 4401, "close code")
        hold(time.monotonic() - ended < 6, "within 5 s")


SUBSCRIBE = {"type": "subscribe"}
DASHBOARD = "/ws/dashboard"
SOCKETS: dict[str, Check] = {
    "BI-W01": from_origin(""),
    "BI-W02": from_origin("https://evil.example"),
    "BI-W03": from_origin("null"),
    "BI-W04": from_origin("http://evil-{host}", "http://{host}.evil.example"),
    "BI-W05": other_port,
    "BI-W08": token_in_the_query,
    "BI-W12": bad_key,
    "BI-W14": no_deflate,
    "BI-W16": ends_with(1002, frame(TEXT, b"{}", masked=False)),
    "BI-W18": ends_with(1007, frame(TEXT, b"\xff\xfe")),
    "BI-W19": ends_with(1002, frame(PING, b"x", final=False)),
    "BI-W20": ends_with(1002, frame(PING, b"x" * 126)),
    "BI-W22": message_too_large,
    "BI-W24": many_fragments,
    "BI-W25": bad_close_codes,
    "BI-W26": reset,
    "BI-X02": told("invalid-json", ""),
    "BI-X03": told("invalid-structure", "[]", "null", "5"),
    "BI-X04": told("binary-not-supported", b"\x00\x01"),
    "BI-X05": told("invalid-json", "[" * 20_000),
    "BI-X06": told("invalid-json", '{"type": NaN}', '{"type": "ping", "type": "ping"}'),
    "BI-X09": told("required", SUBSCRIBE, path=DASHBOARD),
    "BI-X11": told(
        "invalid-machine-id",
        *(SUBSCRIBE | {"machine_ids": [name]} for name in ("*", "g", "specific.x!y")),
        path=DASHBOARD,
    ),
    "BI-X12": told(
        "too-many-subscriptions",
        SUBSCRIBE | {"machine_ids": [f"SUB-{n:03}" for n in range(201)]},
        path=DASHBOARD,
    ),
    "BI-X15": starts_anew("x.-1", "x", f"x.{2**64}-0"),
    "BI-X16": cursor_ahead,
    "BI-X17": starts_anew("0000.1-0"),
    "BI-X25": no_longer_welcome,
    "BI-X22": told("unknown-field", {"type": "ping", "more": 1}),
}
