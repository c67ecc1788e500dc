"""A small ASGI application for the tests of the server that carries it."""

import asyncio
import gc
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from websockets.server import ServerProtocol

from digitaltwin.serving.direct_response import DirectResponse
from digitaltwin.serving.drain import is_draining
from digitaltwin.serving.protocols import HttpProtocol, SocketProtocol
from digitaltwin.serving.request_context import DIRECT_RESPONSE
from realtime.transport import ABORT, TRANSPORT, DirectTransport, text_frame

# Closed connections must be freed without the garbage collector.
gc.disable()
# For each closed socket: whether the application could still write to it.
WRITABLE_AFTER: asyncio.Queue[bool] = asyncio.Queue()
FLOOD_MESSAGES = 100_000


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _echo(scope, receive, send)
    elif scope["path"] == "/slow":
        await _answer(send, b"slow", pause=0.8)
    elif scope["path"] == "/writable-after":
        await _answer(send, str(await WRITABLE_AFTER.get()).encode())
    elif scope["path"] == "/alive":
        await _answer(send, repr(_connections_alive()).encode())
    elif scope["path"] == "/at-once":
        await _answer_at_once(scope, receive)
    elif scope["path"] == "/ready":
        await _answer(send, b"", status=503 if is_draining() else 200)
    else:
        await _answer(send, f"{scope['scheme']} {scope['client'][0]}".encode())


def _connections_alive() -> dict[str, int]:
    """Count the live connection objects of HTTP and sockets, this request's own included."""
    kinds = (HttpProtocol, SocketProtocol, ServerProtocol, RequestResponseCycle)
    return Counter(
        type(candidate).__name__ for candidate in gc.get_objects() if isinstance(candidate, kinds)
    )


async def _answer(send: Any, body: bytes, *, status: int = 200, pause: float = 0.0) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await asyncio.sleep(pause)
    await send({"type": "http.response.body", "body": body})


async def _answer_at_once(scope: dict[str, Any], receive: Any) -> None:
    """Send the body back with the way it was received; a second response is refused."""
    direct: DirectResponse = scope["extensions"][DIRECT_RESPONSE]
    body, how = direct.body(), b"whole "
    if body is None:
        body, how = (await receive())["body"], b"in parts "
        while direct.body() is None:
            body += (await receive())["body"]
    headers = [(b"connection", b"close")] if scope["query_string"] == b"close" else []
    assert direct.send(201, headers, how + body)
    assert not direct.send(500, [], b"twice")


async def _echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    wire: DirectTransport = scope["extensions"][TRANSPORT]
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] == "abort":
            scope["extensions"][ABORT]()
        elif message["text"] == "close":
            await send({"type": "websocket.close", "code": 4000})
        elif message["text"] == "flood":
            await _flood(wire)
        else:
            await send({"type": "websocket.send", "text": message["text"]})
    WRITABLE_AFTER.put_nowait(wire.write is not None)


async def _flood(wire: DirectTransport) -> None:
    """Write until the client is slow; when it reads again, write the number of messages."""
    numbers = iter(range(FLOOD_MESSAGES))
    while _write(wire, f"{next(numbers)} {'x' * 1000}"):
        pass
    reads_again = asyncio.Event()
    wire.on_change = reads_again.set
    await asyncio.wait_for(reads_again.wait(), 10)
    _write(wire, f"wrote {next(numbers)}")


def _write(wire: DirectTransport, text: str) -> bool:
    """Write a frame; return whether the client accepts more."""
    assert wire.write is not None
    wire.write(text_frame(text))
    return wire.write is not None
