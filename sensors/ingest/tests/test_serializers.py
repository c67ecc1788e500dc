"""What a device may send: a table of bad inputs, and the fast path equal to the slow one."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from sensors.exceptions import FieldError, SensorsError
from sensors.ingest import field_rules, serializers
from sensors.ingest.json_body import parse_json
from sensors.ingest.payloads import ParsedRequest
from sensors.ingest.serializers import parse_batch, parse_single
from sensors.timestamps import SECOND_US, format_us, parse_rfc3339

NOW = parse_rfc3339("2026-11-23T12:00:00Z")
GOOD: dict[str, Any] = {
    "machine_id": "CNC-001",
    "sensor_type": "temperature",
    "value": 85.4,
    "unit": "celsius",
    "timestamp": "2026-11-23T10:30:00.123456Z",
}


def codes_of(body: bytes | dict[str, Any]) -> list[tuple[str, str]]:
    """(field, code) of everything that is wrong with a single reading."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return [(error.field, error.code) for error in parse_single(raw, now_us=NOW).errors]
    except SensorsError as exc:
        return [("", exc.code)]


def microseconds(text: str) -> int | None:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return None


@given(
    moment=st.sampled_from(
        [
            *("2026-11-23T10:30:00", "2026-11-23t10:30:00", "2000-02-29T23:59:59"),
            *("2026-02-29T10:30:00", "2026-11-23T10:30:60", "2026-11-23 10:30:00"),
            "2026-11-2310:30:00",
        ]
    ),
    digits=st.one_of(
        st.integers(1, 33).map(lambda length: "123456789"[:length].ljust(length, "0")),
        st.text("1\u0663\u00b2 -.", max_size=8),
    ),
)
def test_usual_form_of_time_is_read_as_the_expression_reads_it(moment: str, digits: str) -> None:
    assert microseconds(f"{moment}.{digits}Z") == microseconds(f"{moment}.{digits}+00:00")


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in GOOD.items() if field != name}


@pytest.mark.parametrize("name", GOOD)
def test_single_without_a_required_field_is_refused(name: str) -> None:
    assert codes_of(without(name)) == [(name, "required")]


@pytest.mark.parametrize(
    ("machine_id", "errors"),
    [
        ("pump.7", []),
        ("a" * 64, []),
        ("a" * 65, [("machine_id", "invalid-machine-id")]),
        ("pump 7", [("machine_id", "invalid-machine-id")]),
        ("p\u00fcmp", [("machine_id", "invalid-machine-id")]),
    ],
)
def test_wide_machine_id_pattern_is_narrowed_to_what_an_id_may_be(
    settings: Settings, machine_id: str, errors: list[tuple[str, str]]
) -> None:
    settings.MACHINE_ID_PATTERN = re.compile(".*", re.ASCII)

    assert codes_of(GOOD | {"machine_id": machine_id}) == errors


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("machine_id", "", "invalid-machine-id"),
        ("machine_id", "CNC-001\n", "invalid-machine-id"),
        ("machine_id", "CNC-\u0660\u0660\u0661", "invalid-machine-id"),
        ("machine_id", "cnc-001", "invalid-machine-id"),
        ("machine_id", "\u0000CNC-001", "invalid-machine-id"),
        ("machine_id", "{{7*7}}", "invalid-machine-id"),
        ("machine_id", 1, "wrong-type"),
        ("machine_id", True, "wrong-type"),
        ("machine_id", ["CNC-001"], "wrong-type"),
        ("machine_id", {"$ne": 1}, "wrong-type"),
        ("machine_id", None, "wrong-type"),
        ("sensor_type", "Temperature", "unknown-sensor"),
        ("sensor_type", "temperature ", "unknown-sensor"),
        ("sensor_type", "vibration.", "unknown-sensor"),
        ("sensor_type", [], "wrong-type"),
        ("sensor_type", None, "wrong-type"),
        ("unit", "x" * 21, "too-long"),
        ("unit", "", "blank"),
        ("unit", "   ", "blank"),
        ("unit", "c\u0000", "control-character"),
        ("unit", "\ud800", "invalid-text"),
        ("quality", None, "wrong-type"),
        ("quality", 1, "wrong-type"),
        ("quality", "GOOD", "unknown-quality"),
        ("value", "12", "wrong-type"),
        ("value", True, "wrong-type"),
        ("value", None, "wrong-type"),
        ("value", 10**399, "number-out-of-range"),
        ("timestamp", "", "invalid-timestamp"),
        ("timestamp", 1700000000, "wrong-type"),
        ("timestamp", "1700000000", "invalid-timestamp"),
        ("timestamp", "2026-11-23", "invalid-timestamp"),
        ("timestamp", "2026-327T10:00:00Z", "invalid-timestamp"),
        ("timestamp", "2026-11-23T10:30:00", "invalid-timestamp"),
        ("timestamp", "2026-11-23T10:30:00,5Z", "invalid-timestamp"),
        ("timestamp", "2026-11-23T24:00:00Z", "invalid-timestamp"),
        ("timestamp", "2026-02-30T10:00:00Z", "invalid-timestamp"),
        ("timestamp", "2026-11-23T10:30:00+14:01", "invalid-timestamp"),
        ("timestamp", "2026-11-23T10:30:00+23:59", "invalid-timestamp"),
        ("timestamp", "0001-01-01T00:00:00+14:00", "timestamp-too-old"),
        ("timestamp", "1999-12-31T23:59:59Z", "timestamp-too-old"),
        ("timestamp", "2038-01-19T03:14:08Z", "timestamp-in-future"),
        ("timestamp", "11/23/2026", "invalid-timestamp"),
        ("timestamp", "9" * 1000, "invalid-timestamp"),
        ("metadata", [], "wrong-type"),
        ("metadata", {"a": "x" * 1000}, "too-large"),
        ("metadata", {str(n): n for n in range(21)}, "too-many-fields"),
        ("metadata", {"": 1}, "invalid-field-name"),
        ("metadata", {"a\n": 1}, "invalid-field-name"),
        ("metadata", {"k" * 65: 1}, "invalid-field-name"),
        ("metadata", {"a": "b\u0000"}, "control-character"),
        ("metadata", {"a": "\u0000" * 5000}, "control-character"),
        ("metadata", {"a": "\ud800"}, "invalid-text"),
        ("metadata", {"a": {"b": ["\ud800"]}}, "invalid-text"),
        ("metadata", {"a": 2**63}, "number-out-of-range"),
        ("id", "x", "unknown-field"),
        ("received_at", "x", "unknown-field"),
        ("Value", 1, "unknown-field"),
    ],
)
def test_single_with_a_wrong_field_is_refused(field: str, value: Any, code: str) -> None:
    assert codes_of(GOOD | {field: value}) == [(field, code)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed-json"),
        (b"\xef\xbb\xbf{}", "malformed-json"),
        (b'{"unit": "\xc0\xaf"}', "malformed-json"),
        (b'{"unit": "\xed\xa0\x80"}', "malformed-json"),
        (b'{"a": 1,}', "malformed-json"),
        (b"{a: 1}", "malformed-json"),
        (b'{"a": 1 /* b */}', "malformed-json"),
        (b'{"a": "b\nc"}', "malformed-json"),
        (b'{"a": True}', "malformed-json"),
        (b'{"a": NaN}', "malformed-json"),
        (b'{"a": -Infinity}', "malformed-json"),
        (b'{"a": 01}', "malformed-json"),
        (b'{"a": .5}', "malformed-json"),
        (b'{"a": 0x10}', "malformed-json"),
        (b"null", "invalid-structure"),
        (b"5", "invalid-structure"),
        (b'"x"', "invalid-structure"),
        (b"[]", "invalid-structure"),
        (b'{"value": 1, "value": 2}', "duplicate-key"),
        (b'{"value": 1, "\\u0076alue": 2}', "duplicate-key"),
        (b"[" * 100_000, "too-deep"),
        (b"{%s}" % b",".join(b'"%d": 1' % n for n in range(1001)), "too-many-fields"),
    ],
)
def test_single_that_is_not_the_json_we_take_is_refused(body: bytes, code: str) -> None:
    assert codes_of(body) == [("", code)]


def with_raw(field: str, raw: str) -> bytes:
    """The good reading with this text as the field's JSON."""
    return json.dumps(GOOD | {field: "@"}).replace('"@"', raw).encode()


@pytest.mark.parametrize("raw", ["1e999", "-1e999", "1" * 400, "1" * 5000, "-" + "1" * 5000])
def test_value_beyond_a_double_is_out_of_range(raw: str) -> None:
    assert codes_of(with_raw("value", raw)) == [("value", "number-out-of-range")]


def test_metadata_beyond_a_double_is_out_of_range() -> None:
    assert codes_of(with_raw("metadata", '{"a": 1e999}')) == [("metadata", "number-out-of-range")]


def test_key_that_stands_twice_is_found_without_an_escape() -> None:
    body = json.dumps(GOOD).encode()[:-1] + b', "value": 1.5}'

    assert codes_of(body) == [("", "duplicate-key")]


def test_truncated_body_is_malformed_at_every_byte() -> None:
    body = json.dumps(GOOD).encode()

    found = {tuple(codes_of(body[:length])) for length in range(len(body))}

    assert found == {(("", "malformed-json"),)}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    body = {"machine_id": "x", "value": "1", "unit": "", "extra": 1, "sensor_type": "temperature"}

    assert sorted(codes_of(body)) == [
        ("extra", "unknown-field"),
        ("machine_id", "invalid-machine-id"),
        ("timestamp", "required"),
        ("unit", "blank"),
        ("value", "wrong-type"),
    ]


def taken(**changes: Any) -> Any:
    checked = parse_single(json.dumps(GOOD | changes).encode(), now_us=NOW)
    assert checked.errors == []
    return checked.readings[0]


def test_value_may_be_missing_when_it_is_bad() -> None:
    assert taken(value=None, quality="bad").value is None


def test_minus_zero_is_zero() -> None:
    assert str(taken(value=-0.0).value) == "0.0"


def test_underflow_is_zero() -> None:
    assert parse_single(with_raw("value", "1e-400"), now_us=NOW).readings[0].value == 0.0


def test_fraction_beyond_six_digits_is_cut() -> None:
    at = taken(timestamp="2026-11-23T10:30:00.123456789Z").measured_at

    assert format_us(at) == "2026-11-23T10:30:00.123456Z"


@pytest.mark.parametrize(("seconds", "errors"), [(300, 0), (300.000001, 1)])
def test_future_ends_after_its_seconds(seconds: float, errors: int) -> None:
    stamp = format_us(NOW + round(seconds * SECOND_US))

    assert len(codes_of(GOOD | {"timestamp": stamp})) == errors


def test_nested_metadata_becomes_its_json_text() -> None:
    metadata: dict[str, Any] = {"a": {"b": [1, "ü"]}, "c": [], "d": None, "e": True}

    assert taken(metadata=metadata).metadata == {
        "a": '{"b":[1,"ü"]}',
        "c": "[]",
        "d": None,
        "e": True,
    }


# Batches


def batch(rows: Any, **outer: Any) -> bytes:
    return json.dumps({**outer, "readings": rows}).encode()


def errors_of(body: bytes) -> list[tuple[int | None, str, str]]:
    try:
        errors = parse_batch(body, now_us=NOW).errors
    except SensorsError as exc:
        errors = getattr(exc, "errors", [FieldError("", exc.code, "")])
    return [(error.index, error.field, error.code) for error in errors]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", (None, "readings", "required")),
        (b"[]", (None, "", "invalid-structure")),
        (batch([]), (None, "readings", "empty-batch")),
        (batch({}), (None, "readings", "wrong-type")),
        (batch(None), (None, "readings", "wrong-type")),
        (batch([GOOD] * 1001), (None, "readings", "batch-too-large")),
        (batch([GOOD], machine_id="x"), (None, "machine_id", "invalid-machine-id")),
        (batch([GOOD], machine_id=None), (None, "machine_id", "wrong-type")),
        (batch([GOOD], other=1), (None, "other", "unknown-field")),
        (batch([GOOD, 5]), (1, "readings", "wrong-type")),
        (batch([without("machine_id")]), (0, "machine_id", "required")),
        (batch([GOOD], machine_id="CNC-002"), (0, "machine_id", "machine-mismatch")),
        (batch([GOOD, GOOD | {"unit": ""}]), (1, "unit", "blank")),
    ],
)
def test_batch_that_is_wrong_is_refused(body: bytes, error: tuple[Any, ...]) -> None:
    assert errors_of(body) == [error]


def test_batch_names_the_machine_for_all() -> None:
    checked = parse_batch(batch([without("machine_id")] * 2, machine_id="CNC-007"), now_us=NOW)

    assert [one.machine_id for one in checked.readings.values()] == ["CNC-007", "CNC-007"]


# The fast path and the slow one

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
LIKELY = {
    "machine_id": st.sampled_from(["CNC-001", "PMP-042", "cnc"]),
    "sensor_type": st.sampled_from(["temperature", "vibration.drive_end", "Speed"]),
    "value": st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.none(),
    "unit": st.sampled_from(["celsius", "%", "x" * 21, ""]),
    "timestamp": st.sampled_from(
        ["2026-11-23T10:30:00Z", "2026-11-23T10:30:00.1234567+01:00", "2027-01-01T00:00:00Z", "x"]
    ),
    "quality": st.sampled_from(["good", "poor", "bad", "best"]),
    "metadata": st.dictionaries(st.text(max_size=5), JSON, max_size=3),
}
ROWS = st.fixed_dictionaries(
    {}, optional={name: likely | JSON for name, likely in LIKELY.items()} | {"other": JSON}
)
GOOD_ROWS = st.fixed_dictionaries(
    {name: LIKELY[name] for name in GOOD}, optional={"metadata": LIKELY["metadata"]}
)


def slow_batch(body: bytes) -> ParsedRequest:
    return serializers._slow_batch(parse_json(body), field_rules.bounds(NOW))


@given(
    st.lists(ROWS | GOOD_ROWS, min_size=1, max_size=3),
    st.sampled_from([{}, {"machine_id": "CNC-001"}]),
)
def test_fast_and_slow_path_agree(rows: list[Any], outer: dict[str, Any]) -> None:
    body = batch(rows, **outer)

    fast = serializers._fast_batch(body, field_rules.bounds(NOW))

    slow = slow_batch(body)
    assert fast is None or (fast == slow and fast.errors == [])
    assert fast is not None or slow.errors or b"\\" in body or any(map(is_nested, rows))


def is_nested(row: dict[str, Any]) -> bool:
    metadata = row.get("metadata")
    values = metadata.values() if isinstance(metadata, dict) else []
    return any(isinstance(value, dict | list) for value in values)


@given(st.lists(st.sampled_from(['"a"', '"a\\u0062"', '"b"', "1", "{", "}", "[", "]", ":", ","])))
def test_parser_takes_what_json_takes_and_no_more(parts: list[str]) -> None:
    body = "".join(parts).encode()
    try:
        expected = json.loads(body)
    except ValueError:
        expected = "malformed"

    try:
        found = parse_json(body)
    except SensorsError as exc:
        found = "malformed" if exc.code == "malformed-json" else exc.code

    assert found in (expected, "duplicate-key")
