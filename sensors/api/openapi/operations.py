"""What the document says of each address: handlers name it by `described_by`."""

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
        "How many at most.",
    ),
    _query(
        "cursor",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "As `next` of the page before has it; left out for the first.",
    ),
)
_HISTORY = (
    {**_query("machine_id", _ID, "Of this machine only."), "example": "CNC-001"},
    _query(
        "sensor_type",
        {"type": "string", "pattern": f"^{SENSOR_NAME.pattern}$"},
        "Of this sensor only, such as `vibration.drive_end`.",
    ),
    _query("start", MOMENT, "The earliest time, included: RFC 3339 with an offset."),
    _query("end", MOMENT, "The latest time, not included."),
)
_REQUEST_ID = reference("parameters", "X-Request-ID")
_ACK = _query(
    "ack",
    described(words(("logged", "stored")), "", default="logged"),
    "`logged`: answered when the log keeps it. `stored`: when the database has it, or after "
    "1.5 s with 202.",
)
_PARTIAL = _query(
    "partial",
    described(words(("false", "true")), "", default="false"),
    "`true` takes the good rows and answers 207 when some are refused.",
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
    "Readings in",
    "Send one reading",
    "Answered as soon as the reading is durably logged. Every retry is safe: what was taken "
    "before is a `duplicate`. After 429 and 503 wait for `Retry-After` and send it again.",
    DEVICE,
    parameters=[_ACK],
    requestBody=_body(
        "ReadingIn",
        full=examples.READING_IN,
        smallest=examples.SMALLEST_IN,
        broken_sensor=examples.BROKEN_SENSOR_IN,
    ),
    responses={
        "200": answer("Taken before.", shape("Result"), {"duplicate": examples.DUPLICATE}, *RATE),
        "201": answer(
            "Taken.",
            shape("Result"),
            {"accepted": examples.ACCEPTED, "late": examples.LATE},
            *RATE,
        ),
        "202": answer(
            "`ack=stored`: logged, not in the database yet.",
            shape("Result"),
            {"not_stored": examples.NOT_STORED},
            *RATE,
        ),
        **problem_answers(problems.ONE_READING, limited=True),
    },
)
BATCH_IN = _operation(
    "send_batch",
    "Readings in",
    "Send many readings",
    "All or none, decided from the content before anything is kept; with `partial=true` the good "
    "ones. One result per reading, in order. A batch is one request of the rate limit.",
    DEVICE,
    parameters=[_ACK, _PARTIAL],
    requestBody=_body(
        "BatchIn", one_machine=examples.BATCH_IN, many_machines=examples.MIXED_BATCH_IN
    ),
    responses={
        "200": answer("All taken before.", _ROWS, {"duplicates": [examples.DUPLICATE]}, *RATE),
        "201": answer("Taken.", _ROWS, {"taken": [examples.ACCEPTED, examples.LATE]}, *RATE),
        "202": answer(
            "`ack=stored`: logged, not in the database yet.",
            _ROWS,
            {"not_stored": [examples.NOT_STORED]},
            *RATE,
        ),
        "207": answer(
            "`partial=true`: some taken, some refused.",
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
    "List the history",
    "Newest first, from the database: a reading that was just logged may come a moment later. "
    "Follow `next` for older ones; pages stay in place while readings come in.",
    answer(
        "A page.",
        shape("ReadingPage"),
        {"page": examples.READING_PAGE, "nothing": examples.LAST_PAGE},
    ),
    problems.MACHINE,
    problems.RANGE,
    tag="Readings out",
    parameters=[*_HISTORY, *_PAGE],
)
MACHINES = _read(
    "list_machines",
    "List the machines",
    "By machine_id, each with its sensors and their latest readings.",
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
    answer("They are.", shape("MachineLatest"), {"latest": examples.MACHINE_LATEST}),
    problems.LOG,
    problems.MACHINE,
    parameters=[_MACHINE_ID],
)
STATUS = _read(
    "get_status",
    "Get a machine's status",
    "Whether it is heard, without its sensors.",
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
    "Both tokens end with logout, a new password or deactivation. Five failures lock user and "
    "address for 15 minutes.",
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
    "A refresh token is good for 24 hours.",
    NOBODY,
    requestBody=_body("Refresh", refresh=examples.REFRESH),
    responses={
        "200": answer("A new token.", shape("FreshToken"), {"token": examples.FRESH}),
        **problem_answers(*_LOGIN),
    },
)
