"""Bad input A: faults around the body, sent over a raw socket."""

import gzip
import json
import re
import time
from contextlib import suppress

from digitaltwin.tests.contract.instance import BATCH_URL, URL, Instance, received, status_of
from digitaltwin.tests.contract.rest.problems import expect_problem
from digitaltwin.tests.contract.walk import Check, NotHere, expect, hold

LIMIT = 1024 * 1024
# daphne's parser (Twisted) is not ours: it takes or drops these in ways of its own.
OURS_ALONE = "daphne, the development server, has no such limit"


def body(here: Instance) -> bytes:
    return json.dumps(here.reading()).encode()


def request(here: Instance, *lines: str, content: bytes | None = None) -> bytes:
    sent = body(here) if content is None else content
    return here.head(*lines, f"Content-Length: {len(sent)}") + sent


def refused_by_the_server(here: Instance, sent: bytes, *statuses: int) -> None:
    found = status_of(here.raw(sent))
    hold(found in statuses, f"expected {' or '.join(map(str, statuses))}, got {found}")


def method_put(here: Instance) -> None:
    for url in (URL, BATCH_URL):
        expect_problem(here.http.put(url), 405, "method-not-allowed")


def typed(code: str, *kinds: str) -> Check:
    def check(here: Instance) -> None:
        for kind in kinds:
            answer = here.send(here.reading(), Content_Type=kind)
            expect_problem(answer, 415, code)

    return check


def multipart(here: Instance) -> None:
    if here.server == "daphne":
        raise NotHere("Twisted looks into forms itself, and answers 400 to one that is none")
    typed("unsupported-media-type", "multipart/form-data; boundary=x")(here)


def typed_and_taken(kind: str) -> Check:
    def check(here: Instance) -> None:
        expect(here.send(here.reading(), Content_Type=kind).status_code, 201, kind)

    return check


def encoded(*encodings: str, content: bytes = b"") -> Check:
    def check(here: Instance) -> None:
        for encoding in encodings:
            packed = content or gzip.compress(body(here))
            answer = here.send(packed, Content_Encoding=encoding)
            expect_problem(answer, 415, "unsupported-encoding")

    return check


def accept_is_ignored(here: Instance) -> None:
    answer = here.send(here.reading(), Accept="text/html")
    expect(answer.status_code, 201, "status")
    expect(answer.headers["content-type"], "application/json", "content type")


def utf_16(here: Instance) -> None:
    content = json.dumps(here.reading()).encode("utf-16")
    answer = here.send(content, Content_Type="application/json; charset=utf-16")
    expect_problem(answer, 415, "unsupported-charset")


def declared_too_large(here: Instance) -> None:
    answer = here.raw(here.head(f"Content-Length: {LIMIT + 1}"), b" " * (LIMIT + 1))
    expect(status_of(answer), 413, "status")
    hold(b"body-too-large" in answer, "the code")
    if here.server == "uvicorn":
        hold(b"connection: close" in answer.lower(), "the connection is closed")


def chunked_too_large(here: Instance) -> None:
    """Send up to 50 MB; a server that stops reading at its limit refuses them early."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with here.connection() as there:
        there.sendall(here.head("Transfer-Encoding: chunked"))
        with suppress(ConnectionError, TimeoutError):
            there.settimeout(3)
            for _ in range(800):
                there.sendall(chunk)
        answer = received(there, seconds=5)
    if here.server == "daphne" and not answer:
        raise NotHere("daphne closes without an answer")
    expect(status_of(answer), 413, "status")


def trailing_bytes(here: Instance) -> None:
    answer = here.raw(request(here) + b"more than was declared\r\n\r\n")
    expect(status_of(answer), 201, "by its length")
    rest = re.findall(rb"HTTP/1\.1 (\d{3})", answer)[1:]
    hold(rest in ([], [b"400"]), f"the rest is refused, got {rest}")


def lying_lengths(here: Instance) -> None:
    for lines in (("-1",), ("1e3",), ("5", "6")):
        head = here.head(*(f"Content-Length: {one}" for one in lines))
        refused_by_the_server(here, head + b"{}   ", 400)


def half_a_head(here: Instance) -> None:
    if here.server == "daphne":
        raise NotHere(OURS_ALONE)
    began = time.monotonic()
    answer = here.raw(b"POST / HTTP/1.1\r\nHost: x\r\nX-Half", seconds=14)
    hold(status_of(answer) in (0, 408), "408 or closed")
    hold(time.monotonic() - began < 13, "within some 10 s")


def long_heads(*lines: str) -> Check:
    def check(here: Instance) -> None:
        if here.server == "daphne":
            answer = here.raw(request(here, *lines))
            hold(status_of(answer) < 500, "no fault of the server")
            return
        refused_by_the_server(here, request(here, *lines), 431, 400)

    return check


def control_characters_in_a_header(here: Instance) -> None:
    if here.server == "daphne":
        raise NotHere("Twisted takes them for white space")
    for value in ("a\rb", "a\0b"):
        refused_by_the_server(here, request(here, f"X-Odd: {value}"), 400)


def long_url(here: Instance) -> None:
    head = f"GET /{'x' * 20_000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    found = status_of(here.raw(head))
    allowed = (414, 400) if here.server == "uvicorn" else (414, 400, 404, 0)
    hold(found in allowed, f"expected {allowed}, got {found}")


def odd_paths(here: Instance) -> None:
    for path in ("/%00", "/..%2f", "//"):
        answer = here.raw(here.head("Content-Length: 0", path=URL + path))
        expect(status_of(answer), 404, f"{URL}{path}")
        hold(b"application/problem+json" in answer, "as a problem")


def odd_request_ids(here: Instance) -> None:
    longest = here.send(here.reading(), X_Request_ID="x" * 5000)
    expect(longest.status_code, 201, "status")
    hold(len(longest.headers["x-request-id"]) <= 64, "replaced by an id of the server")
    folded = here.raw(request(here, "X-Request-ID: a\n b"))
    hold(status_of(folded) in (201, 400), "taken with an id of ours, or refused as a head")
    hold(b"x-request-id: a\n" not in folded.lower(), "no new line goes back")


def method_override(here: Instance) -> None:
    answer = here.send(here.reading(), X_HTTP_Method_Override="DELETE")
    expect(answer.status_code, 201, "ignored")


def old_http(here: Instance) -> None:
    if here.server == "daphne":
        raise NotHere("Twisted serves HTTP/1.0")
    refused_by_the_server(here, b"POST " + URL.encode() + b" HTTP/1.0\r\n\r\n", 400)
    answer = here.raw(b"GET /\r\n\r\n")
    hold(status_of(answer) in (0, 400), "HTTP/0.9 is refused")


ENVELOPE: dict[str, Check] = {
    "BI-A02": method_put,
    "BI-A05": typed("unsupported-media-type", ""),
    "BI-A07": typed("unsupported-media-type", "application/xml"),
    "BI-A08": typed("unsupported-media-type", "application/x-www-form-urlencoded"),
    "BI-A09": multipart,
    "BI-A10": utf_16,
    "BI-A13": typed_and_taken("APPLICATION/JSON"),
    "BI-A14": typed_and_taken("application/json;charset=UTF-8"),
    "BI-A15": accept_is_ignored,
    "BI-A16": encoded("gzip"),
    "BI-A17": encoded("gzip", content=gzip.compress(bytes(10_000_000))),
    "BI-A18": encoded("br", "identity,gzip"),
    "BI-A19": declared_too_large,
    "BI-A20": chunked_too_large,
    "BI-A22": trailing_bytes,
    "BI-A23": lying_lengths,
    "BI-A26": half_a_head,
    "BI-A27": long_heads(*(f"X-Long-{n}: {'x' * 1000}" for n in range(200))),
    "BI-A28": long_heads(f"X-Long: {'x' * 100_000}"),
    "BI-A29": control_characters_in_a_header,
    "BI-A30": long_url,
    "BI-A31": odd_paths,
    "BI-A35": odd_request_ids,
    "BI-A36": method_override,
    "BI-A38": old_http,
}
