"""Checks of faulty bodies, for bad input B to H (bad_bodies.py)."""

import json
from typing import Any

from digitaltwin.tests.contract.instance import BATCH_URL, URL, Instance
from digitaltwin.tests.contract.rest.ingest import stored, taken
from digitaltwin.tests.contract.rest.problems import expect_problem
from digitaltwin.tests.contract.walk import Check, NotHere, expect, hold
from sensors.timestamps import format_us, now_us

SECOND = 1_000_000
# The depth limit of a body: the object, its metadata, and a value in the metadata.
DEEPEST = 32


def text(here: Instance, **fields: str) -> bytes:
    """Write a valid reading's JSON, with these fields as raw JSON text."""
    valid = {name: json.dumps(value) for name, value in here.reading().items()}
    return _object(valid | fields)


def _object(fields: dict[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


def bytes_of(code: str, *bodies: bytes, status: int = 400) -> Check:
    """Make a check that each of these bodies is refused by this code."""

    def check(here: Instance) -> None:
        for body in bodies:
            expect_problem(here.send(body), status, code)

    return check


def written(code: str, name: str, *values: str) -> Check:
    """Make a check that a reading with this raw JSON text in a field is refused."""

    def check(here: Instance) -> None:
        for value in values:
            expect_problem(here.send(text(here, **{name: value})), 400, code)

    return check


def given(code: str, name: str, *values: Any) -> Check:
    """Make a check that a reading with this value in a field is refused."""

    def check(here: Instance) -> None:
        for value in values:
            expect_problem(here.send(here.reading(**{name: value})), 400, code)

    return check


def without(name: str) -> Check:
    def check(here: Instance) -> None:
        sent = here.reading()
        del sent[name]
        expect_problem(here.send(sent), 400, "required")

    return check


def accepted(name: str, *values: Any) -> Check:
    def check(here: Instance) -> None:
        for value in values:
            answer = here.send(here.reading(**{name: value}))
            expect(answer.status_code, 201, f"{name}={value!r:.60}")

    return check


# B: the syntax


def in_pieces(*pieces: tuple[bytes, bytes]) -> Check:
    """Make a check that a valid body with a replacement by each pair is malformed."""

    def check(here: Instance) -> None:
        for old, new in pieces:
            good = text(here)
            hold(old in good, f"{old!r} is in the body")
            expect_problem(here.send(good.replace(old, new, 1)), 400, "malformed-json")

    return check


def truncated(here: Instance) -> None:
    good = text(here)
    for tenth in range(1, 10):
        expect_problem(here.send(good[: len(good) * tenth // 10]), 400, "malformed-json")


def byte_order_mark(here: Instance) -> None:
    expect_problem(here.send(b"\xef\xbb\xbf" + text(here)), 400, "malformed-json")


def duplicate_key(*keys: str) -> Check:
    def check(here: Instance) -> None:
        for key in keys:
            body = text(here)[:-1] + f',"{key}":1.5}}'.encode()
            expect_problem(here.send(body), 400, "duplicate-key")

    return check


def as_deep_as_may_be(here: Instance) -> None:
    inner = "[" * (DEEPEST - 2) + "]" * (DEEPEST - 2)
    expect(here.send(text(here, metadata=f'{{"deep":{inner}}}')).status_code, 201, "the deepest")
    deeper = f'{{"deep":[{inner}]}}'
    expect_problem(here.send(text(here, metadata=deeper)), 400, "too-deep")


def many_keys(count: int) -> bytes:
    return ("{" + ",".join(f'"{n:x}":0' for n in range(count)) + "}").encode()


def many_keys_are_quick(here: Instance) -> None:
    answers = [here.send(many_keys(50_000)) for _ in range(3)]
    hold(all(one.status_code in (400, 413) for one in answers), "refused")
    best = min(float(one.headers["x-process-time"]) for one in answers)
    hold(best < 100, f"within 100 ms, got {best}")


def a_million_zeros(here: Instance) -> None:
    zeros = f'{{"zeros":[{",".join(["0"] * 1_000_000)}]}}'
    expect_problem(here.send(text(here, metadata=zeros)), 413, "body-too-large")
    some = f'{{"zeros":[{",".join(["0"] * 100_000)}]}}'
    expect_problem(here.send(text(here, metadata=some)), 400, "too-large")


# C and D: machines and sensors


def retired(here: Instance) -> None:
    expect_problem(here.send(here.reading(machine_id=here.retired)), 409, "machine-retired")


def not_on_this_machine(here: Instance) -> None:
    if here.registers:
        raise NotHere("AUTO_REGISTER_MACHINES makes the sensor")
    sent = here.reading(sensor_type="pressure", unit="bar")
    expect_problem(here.send(sent), 400, "unknown-sensor")


# E and F: values and times


def underflow(here: Instance) -> None:
    expect(here.send(text(here, value="1e-400")).json()["value"], 0.0, "the value")


def forty_digits(here: Instance) -> None:
    sent = here.reading()
    body = _object(
        {name: json.dumps(value) for name, value in sent.items()}
        | {"value": "0.1000000000000000055511151231257827021181"}
    )
    expect(here.send(body, url=f"{URL}?ack=stored").status_code, 201, "status")
    expect(stored(here, sent)["value"], 0.1, "the nearest double")


def of_sensor(sensor: str, unit: str, value: float) -> Check:
    def check(here: Instance) -> None:
        sent = here.reading(sensor_type=sensor, unit=unit, value=value)
        expect_problem(here.send(sent), 400, "out-of-range")

    return check


def long_fraction(here: Instance) -> None:
    sent = here.reading(timestamp="2026-03-04T05:06:07.123456789Z")
    answer = here.send(sent)
    hold(answer.status_code in (200, 201), "taken")
    expect(answer.json()["timestamp"], "2026-03-04T05:06:07.123456Z", "cut to six digits")


def from_now(seconds: int, code: str | None) -> Check:
    """Make a check that a reading so many seconds from now is accepted, or refused by a code."""

    def check(here: Instance) -> None:
        answer = here.send(here.reading(timestamp=format_us(now_us() + seconds * SECOND)))
        if code is None:
            expect(answer.status_code, 201, f"{seconds} s from now")
        else:
            expect_problem(answer, 400, code)

    return check


def at_no_offset(here: Instance) -> None:
    given("invalid-timestamp", "timestamp", *offsets_at("+25:00", "+14:01"))(here)
    answer = here.send(here.reading(timestamp="2026-01-02T03:04:05-00:00"))
    hold(answer.status_code in (200, 201), "-00:00 is UTC")


def at_a_moment_that_no_clock_showed(here: Instance) -> None:
    """Berlin skipped this hour; with an offset the timestamp is valid nevertheless."""
    answer = here.send(here.reading(timestamp="2026-03-29T02:30:00+01:00"))
    hold(answer.status_code in (200, 201), f"taken, got {answer.status_code}")


def offsets_at(*offsets: str) -> list[str]:
    return [f"2026-01-02T03:04:05{offset}" for offset in offsets]


# G: metadata


def becomes_text(value: Any) -> Check:
    def check(here: Instance) -> None:
        answer = taken(here, here.reading(metadata={"more": value}))
        shown = answer.json()["metadata"]["more"]
        hold(isinstance(shown, str), f"JSON text, got {shown!r}")
        expect(json.loads(shown), value, "the text")

    return check


def extra_fields(*names: str) -> Check:
    def check(here: Instance) -> None:
        for name in names:
            expect_problem(here.send(here.reading(**{name: 1})), 400, "unknown-field")

    return check


# H: batches


def batch(code: str, *bodies: Any, status: int = 400) -> Check:
    def check(here: Instance) -> None:
        for one in bodies:
            expect_problem(here.send(one, url=BATCH_URL), status, code)

    return check


def too_many(here: Instance) -> None:
    rows = [here.reading() for _ in range(1001)]
    expect_problem(here.send({"readings": rows}, url=BATCH_URL), 413, "batch-too-large")


def a_thousand(here: Instance) -> None:
    rows = [here.reading() for _ in range(1000)]
    answer = here.send({"readings": rows}, url=BATCH_URL)
    expect((answer.status_code, len(answer.json())), (201, 1000), "a thousand")


def one_bad_of_a_hundred(here: Instance) -> None:
    rows = [here.reading() for _ in range(100)]
    bad = [*rows[:50], rows[50] | {"value": "x"}, *rows[51:]]
    expect_problem(here.send({"readings": bad}, url=BATCH_URL), 400, "wrong-type")
    expect(here.send(rows[0]).status_code, 201, "nothing was stored")


def atomic_and_partial(here: Instance) -> None:
    rows = [here.reading(), here.reading(value="x")]
    answer = here.send({"readings": rows}, url=f"{BATCH_URL}?atomic=true&partial=true")
    expect(answer.status_code, 207, "status")


def all_bad(here: Instance) -> None:
    rows = [here.reading(value="x") for _ in range(150)]
    answer = here.send({"readings": rows}, url=BATCH_URL)
    expect_problem(answer, 400, "wrong-type")
    problem = answer.json()
    expect((len(problem["errors"]), problem["error_count"]), (100, 150), "errors and total")


def another_machine(here: Instance) -> None:
    body = {"machine_id": here.machine, "readings": [here.reading(machine_id="ZZZ-999")]}
    expect_problem(here.send(body, url=BATCH_URL), 400, "machine-mismatch")


def machine_the_key_lacks(here: Instance) -> None:
    key = here.new_key(machines=(here.machine,))
    own = here.reading()
    rows = [own, here.reading(machine_id="ZZZ-999")]
    answer = here.send({"readings": rows}, url=BATCH_URL, key=key)
    expect_problem(answer, 403, "machine-not-allowed")
    expect(here.send(own).status_code, 201, "nothing was stored")


def retry_of_a_partial_batch(here: Instance) -> None:
    rows = [here.reading(), here.reading(value="x"), here.reading()]
    url = f"{BATCH_URL}?partial=true"
    expect(here.send({"readings": rows}, url=url).status_code, 207, "first")
    again = here.send({"readings": rows}, url=url).json()
    expect([row["status"] for row in again], ["duplicate", "refused", "duplicate"], "again")
