"""The web process around a small application: shutdown, and requests that it refuses itself."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import websockets

from digitaltwin.serving import protocols
from digitaltwin.serving.listening import listen
from digitaltwin.tests.support.servers import LOOPBACK, ROOT, environment, stop, wait_for

APPLICATION = "digitaltwin.serving.tests.small_app:application"
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
Start = Callable[..., "Running"]


class Running:
    """A server process and the address it was given."""

    def __init__(self, **settings: str) -> None:
        listener = listen(LOOPBACK, 0)
        self.port = listener.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "digitaltwin.server", APPLICATION, f"--fd={listener.fileno()}"],
            env=environment(REDIS_URL="redis://127.0.0.1:1", **settings),
            pass_fds=[listener.fileno()],
            cwd=ROOT,
        )
        listener.close()
        self.url = f"http://{LOOPBACK}:{self.port}"
        wait_for(self._answers, what="the server answers")

    def _answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return httpx.get(f"{self.url}/ready", timeout=0.5).status_code == 200
        except httpx.TransportError:
            return False

    def exchange(self, data: bytes, *, then: bytes = b"", seconds: float = 5.0) -> bytes:
        """Send bytes and return the response until the server closes; `then` follows its first."""
        answer = b""
        with socket.create_connection((LOOPBACK, self.port), timeout=seconds) as connection:
            connection.sendall(data)
            if then:
                answer = connection.recv(65536)
                connection.sendall(then)
            while part := connection.recv(65536):
                answer += part
        return answer


@pytest.fixture
def start() -> Iterator[Start]:
    """Return `start(NAME=value)`, which starts a server with these settings."""
    started: list[Running] = []

    def start(**settings: str) -> Running:
        started.append(Running(**settings))
        return started[-1]

    yield start
    for server in started:
        stop(server.process)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server shared by all tests that do not end it."""
    server = Running(TRUSTED_PROXIES="")
    yield server
    stop(server.process)


@pytest.fixture
async def echo(server: Running) -> AsyncIterator[websockets.ClientConnection]:
    async with websockets.connect(f"ws://{LOOPBACK}:{server.port}/") as client:
        yield client


def test_message_of_many_fragments_ends_its_socket(server: Running) -> None:
    handshake = REQUEST + (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    begin, go_on = b"\x01\x80mask", b"\x00\x80mask"

    answer = server.exchange(handshake, then=begin + 2 * protocols.MAX_FRAGMENTS * go_on)

    assert answer.endswith((1009).to_bytes(2) + b"too many fragments")


async def test_message_of_some_fragments_arrives_whole(echo: websockets.ClientConnection) -> None:
    await echo.send(["a", "", "b"])

    assert await echo.recv() == "ab"


async def test_sigterm_finishes_what_is_in_flight_and_exits_0(start: Start) -> None:
    server = start()
    async with httpx.AsyncClient() as client, websockets.connect(
        f"ws://{LOOPBACK}:{server.port}/"
    ) as browser:  # fmt: skip
        async with client.stream("GET", f"{server.url}/slow") as slow:  # its head is here
            await browser.send("hello")
            await browser.recv()

            server.process.send_signal(signal.SIGTERM)

            assert await slow.aread() == b"slow"
        await browser.wait_closed()
        assert browser.close_code == 1012
    assert await asyncio.to_thread(server.process.wait, 5) == 0


def test_drain_answers_503_for_its_seconds_then_refuses(start: Start) -> None:
    server = start(DRAIN_SECONDS="1")

    server.process.send_signal(signal.SIGTERM)

    wait_for(lambda: httpx.get(f"{server.url}/ready").status_code == 503, what="503")
    assert server.process.wait(5) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/ready")


def test_second_signal_ends_at_once(start: Start) -> None:
    server = start(DRAIN_SECONDS="9")

    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: httpx.get(f"{server.url}/ready").status_code == 503, what="503")
    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(2) == 1


@pytest.mark.slow
def test_half_a_head_is_cut_after_ten_seconds(server: Running) -> None:
    answer = server.exchange(REQUEST, seconds=20)

    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head",
    [
        REQUEST + b"X-Big: " + b"x" * 100_000,
        REQUEST + b"X-Big: " + b"x" * 100_000 + b"\r\n\r\n",
        REQUEST + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(200)) + b"\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"x" * 20_000,
        REQUEST + b"X-Odd: a\rb\r\n\r\n",
        REQUEST + b"X-Odd: a\0b\r\n\r\n",
        REQUEST + b"Host: example.org\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /\r\n\r\n",
        REQUEST + b"Content-Length: -1\r\n\r\n",
        REQUEST + b"Content-Length: 1e3\r\n\r\n",
        REQUEST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        REQUEST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_malformed_head_is_refused(server: Running, head: bytes) -> None:
    answer = server.exchange(head)

    assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")


def test_bytes_after_a_body_are_refused_as_the_next_request(server: Running) -> None:
    answer = server.exchange(REQUEST + b"Content-Length: 1\r\n\r\nxyz\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400 " in answer


def at_once(body: bytes, *, version: bytes = b"1.1", query: bytes = b"") -> bytes:
    head = b"POST /at-once%b HTTP/%b\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    return head % (query, version, len(body)) + body


def test_body_and_answer_in_one_step_each(server: Running) -> None:
    answer = server.exchange(at_once(b"one") + at_once(b"two", query=b"?close"))

    first, second = answer.split(b"HTTP/1.1 201 Created\r\n")[1:]
    assert first.endswith(b"content-length: 9\r\n\r\nwhole one")
    assert second.endswith(b"connection: close\r\ncontent-length: 9\r\n\r\nwhole two")
    assert b"connection" not in first


def test_answer_at_once_to_an_old_client_closes(server: Running) -> None:
    answer = server.exchange(at_once(b"old", version=b"1.0"))

    assert answer.endswith(b"connection: close\r\ncontent-length: 9\r\n\r\nwhole old")


def test_body_that_is_still_on_its_way_is_received(server: Running) -> None:
    head = at_once(b"late", query=b"?close")[: -len(b"\r\nlate")] + b"Expect: 100-continue\r\n\r\n"

    answer = server.exchange(head, then=b"late")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nin parts late")


def test_large_bodies_are_no_large_heads(server: Running) -> None:
    with httpx.Client(base_url=server.url) as client:
        answers = [client.post("/", content=b"x" * 200_000).status_code for _ in range(20)]

    assert answers == [200] * 20


def test_answer_does_not_name_the_server(server: Running) -> None:
    answer = httpx.get(server.url)

    assert "server" not in answer.headers
    assert "date" in answer.headers


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [("", "http 127.0.0.1"), ("127.0.0.0/8", "https 192.0.2.7"), ("10.0.0.1", "http 127.0.0.1")],
)
def test_forwarded_headers_are_believed_from_trusted_proxies(
    start: Start, proxies: str, seen: str
) -> None:
    server = start(TRUSTED_PROXIES=proxies)

    answer = httpx.get(
        server.url, headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    )

    assert answer.text == seen


async def test_message_of_64_kb_is_taken_and_one_more_closes_1009(
    echo: websockets.ClientConnection,
) -> None:
    await echo.send("x" * 65_536)
    assert len(await echo.recv()) == 65_536

    await echo.send("x" * 65_537)
    await echo.wait_closed()

    assert echo.close_code == 1009


async def test_compression_is_not_accepted(echo: websockets.ClientConnection) -> None:
    assert echo.response is not None
    assert "Sec-WebSocket-Extensions" not in echo.response.headers


async def test_application_aborts_a_socket(echo: websockets.ClientConnection) -> None:
    await echo.send("abort")
    await echo.wait_closed()

    assert echo.close_code == 1006


async def test_wire_is_shut_while_the_client_is_slow(echo: websockets.ClientConnection) -> None:
    await echo.send("flood")

    heard = []
    while not (text := str(await asyncio.wait_for(echo.recv(), 10))).startswith("wrote"):
        heard.append(text.partition(" ")[0])
        await asyncio.sleep(0)

    assert len(heard) > 50  # more than the transport's buffer, in one go
    assert heard == [str(number) for number in range(len(heard))]
    assert text == f"wrote {len(heard)}"


@pytest.mark.parametrize("who", ["server", "client", "nobody"])
async def test_wire_is_shut_when_the_socket_is_closed(start: Start, who: str) -> None:
    server = start(TRUSTED_PROXIES="")
    async with websockets.connect(f"ws://{LOOPBACK}:{server.port}/") as client:
        if who == "server":
            await client.send("close")
            await client.wait_closed()
        elif who == "client":
            await client.close()
        else:
            client.transport.abort()

    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("/writable-after")).text == "False"


async def test_connections_that_are_over_leave_nothing_to_the_collector(start: Start) -> None:
    """The collector runs rarely (digitaltwin/server.py): garbage grew by 10 kB a socket."""
    server = start(TRUSTED_PROXIES="")
    for word in ("hello", "close", "abort"):
        async with websockets.connect(f"ws://{LOOPBACK}:{server.port}/") as opened:
            await opened.send(word)
            await opened.wait_closed() if word != "hello" else await opened.recv()
    for path in ("/at-once", "/"):
        async with httpx.AsyncClient(base_url=server.url) as client:
            await client.post(path, content=b"body")

    async with httpx.AsyncClient(base_url=server.url) as client:
        alive = (await client.get("/alive")).text

    assert alive == "Counter({'HttpProtocol': 1, 'RequestResponseCycle': 1})"


def test_port_in_use_is_said_in_a_sentence(server: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "digitaltwin.server", "--port", str(server.port)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip

    assert second.returncode == 1
    assert second.stderr.strip() == (
        f"Port {server.port} on 127.0.0.1 is in use; choose another with --port."
    )


def test_server_without_a_lasting_key_is_refused(tmp_path: Path) -> None:
    """Each process would make a key of its own and reject the signatures of the others."""
    ended = subprocess.run(
        [sys.executable, "-m", "digitaltwin.server", "--port", "0"],
        env=environment(SECRET_KEY="", DATA_DIR=str(tmp_path)),
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stderr) == (
        1,
        "Set SECRET_KEY, the same for every process: a random string of at least 32 characters.\n",
    )
