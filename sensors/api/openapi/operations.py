"""The operations of the document; handlers name theirs by `described_by`."""

from typing import Any

from sensors.api.openapi import examples, problems
from sensors.api.openapi.parts import (
    MOMENT,
    Part,
    answer,
    content,
    described,
    lists,
    reference,
    shape,
    words,
)
from sensors.api.openapi.problems import Codes, problem_answers
from sensors.api.parameters import DEFAULT_RESULTS, MAX_RESULTS
from sensors.identifiers import MACHINE_ID, SENSOR_NAME

DEVICE: list[Part] = [{"deviceKey": []}]
PERSON: list[Part] = [{"userToken": []}, {"sessionCookie": []}]
NOBODY: list[Part] = []
RATE = ("RateLimit-Policy", "RateLimit")


def _query(name: str, schema: Part, description: str) -> Part:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_ID: Part = {"type": "string", "pattern": f"^{MACHINE_ID.pattern}$"}
_MACHINE_ID: Part = {
    "name": "machine_id",
    "in": "path",
    "required": True,
    "schema": _ID,
    "example": "CNC-001",
}
_PAGE = (
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_RESULTS, "default": DEFAULT_RESULTS},
        "Maximum number of results.",
    ),
    _query(
        "cursor",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "The cursor in `next` of the previous page; omitted for the first page.",
    ),
)
_HISTORY = (
    {**_query("machine_id", _ID, "Only readings of this machine."), "example": "CNC-001"},
    _query(
        "sensor_type",
        {"type": "string", "pattern": f"^{SENSOR_NAME.pattern}$"},
        "Only readings of this sensor, such as `vibration.drive_end`.",
    ),
    _query("start", MOMENT, "Start of the time range, inclusive: RFC 3339 with an offset."),
    _query("end", MOMENT, "End of the time range, exclusive: RFC 3339 with an offset."),
)
_REQUEST_ID = reference("parameters", "X-Request-ID")
_ACK = _query(
    "ack",
    described(words(("logged", "stored")), "", default="logged"),
    "`logged`: respond when the log has the reading. `stored`: respond when the database has it, "
    "or with 202 after 1.5 s.",
)
_PARTIAL = _query(
    "partial",
    described(words(("false", "true")), "", default="false"),
    "`true` accepts the valid rows and responds with 207 when others are refused.",
)


def _operation(
    name: str, tag: str, summary: str, description: str, security: list[Part], **more: Any
) -> Part:
    parameters = [*more.pop("parameters", ()), _REQUEST_ID]
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": security,
        "parameters": parameters,
        **more,
    }


def _body(name: str, **named: Any) -> Part:
    return {"required": True, "content": content(shape(name), named)}


_ROWS = lists(shape("Result"))
_MIXED = lists({"oneOf": [shape("Result"), shape("Refused")]})

READING_IN = _operation(
    "send_reading",
    "Send readings",
    "Send one reading",
    "The response is sent as soon as the reading is durably logged. Every retry is safe: a reading "
    "that was accepted before is a `duplicate`. After 429 and 503 wait for `Retry-After` and send "
    "it again.",
    DEVICE,
    parameters=[_ACK],
    requestBody=_body(
        "ReadingIn",
        full=examples.READING_IN,
        smallest=examples.SMALLEST_IN,
        broken_sensor=examples.BROKEN_SENSOR_IN,
    ),
    responses={
        "200": answer(
            "Accepted before.", shape("Result"), {"duplicate": examples.DUPLICATE}, *RATE
        ),
        "201": answer(
            "Accepted.",
            shape("Result"),
            {"accepted": examples.ACCEPTED, "late": examples.LATE},
            *RATE,
        ),
        "202": answer(
            "`ack=stored`: logged, not yet in the database.",
            shape("Result"),
            {"not_stored": examples.NOT_STORED},
            *RATE,
        ),
        **problem_answers(problems.ONE_READING, limited=True),
    },
)
BATCH_IN = _operation(
    "send_batch",
    "Send readings",
    "Send many readings",
    "All readings or none, decided from the content before any is logged; with `partial=true` the "
    "valid ones. One result per reading, in order. A batch counts as one request.",
    DEVICE,
    parameters=[_ACK, _PARTIAL],
    requestBody=_body(
        "BatchIn", one_machine=examples.BATCH_IN, many_machines=examples.MIXED_BATCH_IN
    ),
    responses={
        "200": answer("All accepted before.", _ROWS, {"duplicates": [examples.DUPLICATE]}, *RATE),
        "201": answer("Accepted.", _ROWS, {"accepted": [examples.ACCEPTED, examples.LATE]}, *RATE),
        "202": answer(
            "`ack=stored`: logged, not yet in the database.",
            _ROWS,
            {"not_stored": [examples.NOT_STORED]},
            *RATE,
        ),
        "207": answer(
            "`partial=true`: some accepted, some refused.",
            _MIXED,
            {"partial": [examples.ACCEPTED, examples.REFUSED]},
            *RATE,
        ),
        **problem_answers(problems.BATCH, limited=True),
    },
)


def _read(
    name: str, summary: str, description: str, found: Part, *codes: Codes, **more: Any
) -> Part:
    standard = (problems.DJANGO, problems.PERSON, problems.DATABASE)
    return _operation(
        name,
        more.pop("tag", "Machines"),
        summary,
        description,
        PERSON,
        responses={"200": found, **problem_answers(*standard, *codes)},
        **more,
    )


READINGS = _read(
    "list_readings",
    "Read the history",
    "Newest first, from the database: a reading that was just logged may follow a moment later. "
    "Follow `next` for older readings; pages are stable while new readings arrive.",
    answer(
        "A page.",
        shape("ReadingPage"),
        {"page": examples.READING_PAGE, "nothing": examples.LAST_PAGE},
    ),
    problems.MACHINE,
    problems.RANGE,
    tag="Read history",
    parameters=[*_HISTORY, *_PAGE],
)
MACHINES = _read(
    "list_machines",
    "List the machines",
    "Sorted by machine_id, each with its sensors and their latest readings.",
    answer(
        "A page.",
        shape("MachinePage"),
        {"page": examples.MACHINE_PAGE, "nothing": examples.LAST_PAGE},
    ),
    problems.LOG,
    parameters=[*_PAGE],
)
MACHINE = _read(
    "get_machine",
    "Get a machine",
    "With its sensors and their latest readings.",
    answer("The machine.", shape("Machine"), {"machine": examples.MACHINE}),
    problems.LOG,
    problems.MACHINE,
    parameters=[_MACHINE_ID],
)
LATEST = _read(
    "get_latest",
    "Get the latest readings",
    "The newest reading of each sensor that has sent one.",
    answer("The latest readings.", shape("MachineLatest"), {"latest": examples.MACHINE_LATEST}),
    problems.LOG,
    problems.MACHINE,
    parameters=[_MACHINE_ID],
)
STATUS = _read(
    "get_status",
    "Get a machine's status",
    "The machine with its connectivity, without its sensors.",
    answer("The status.", shape("MachineStatus"), {"status": examples.STATUS}),
    problems.LOG,
    problems.MACHINE,
    parameters=[_MACHINE_ID],
)
_LOGIN = (problems.DJANGO, problems.TOKEN, problems.DATABASE)
TOKEN = _operation(
    "create_token",
    "Tokens",
    "Log in",
    "Both tokens end with logout, password change or deactivation. Five failures lock the user "
    "from this address for 15 minutes.",
    NOBODY,
    requestBody=_body("Credentials", credentials=examples.CREDENTIALS),
    responses={
        "200": answer("Logged in.", shape("Tokens"), {"tokens": examples.TOKENS}),
        **problem_answers(*_LOGIN, problems.LOGIN),
    },
)
TOKEN_REFRESH = _operation(
    "refresh_token",
    "Tokens",
    "Get a new access token",
    "A refresh token is valid for 24 hours.",
    NOBODY,
    requestBody=_body("Refresh", refresh=examples.REFRESH),
    responses={
        "200": answer("A new token.", shape("FreshToken"), {"token": examples.FRESH}),
        **problem_answers(*_LOGIN),
    },
)
