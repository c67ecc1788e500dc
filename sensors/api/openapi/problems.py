"""Which errors an operation may answer with: codes by status."""

from collections.abc import Mapping

from sensors.api.openapi.parts import Part, problem_answer

Codes = Mapping[int, frozenset[str]]

_BODY = frozenset(
    {
        "malformed-json",
        "invalid-structure",
        "too-deep",
        "too-many-fields",
        "duplicate-key",
        "required",
        "blank",
        "wrong-type",
        "unknown-field",
        "control-character",
        "too-long",
    }
)
_READING = _BODY | {
    "invalid-machine-id",
    "unknown-sensor",
    "unit-mismatch",
    "out-of-range",
    "number-out-of-range",
    "invalid-timestamp",
    "timestamp-in-future",
    "timestamp-too-old",
    "unknown-quality",
    "invalid-text",
    "invalid-field-name",
    "too-large",
    "invalid-parameter",
}
_MACHINES = {"machine-not-allowed", "unknown-machine", "machine-retired"}
# Under `?partial=true` a refused machine or a conflict is a row's error, and 400 when all are.
_BATCH = _READING | _MACHINES | {"empty-batch", "machine-mismatch", "conflicting-duplicate"}

EVERY: Codes = {400: frozenset({"bad-request"}), 500: frozenset({"internal-error"})}
DJANGO: Codes = {406: frozenset({"not-acceptable"})}
DATABASE: Codes = {503: frozenset({"database-unavailable"})}
LOG: Codes = {503: frozenset({"log-unavailable"})}
PERSON: Codes = {
    400: frozenset({"invalid-parameter"}),
    401: frozenset({"unauthenticated"}),
    403: frozenset({"permission-denied"}),
}
MACHINE: Codes = {404: frozenset({"unknown-machine"})}
RANGE: Codes = {400: frozenset({"invalid-range"})}
TOKEN: Codes = {
    400: _BODY,
    401: frozenset({"unauthenticated"}),
    413: frozenset({"body-too-large"}),
    415: frozenset({"unsupported-media-type"}),
}
LOGIN: Codes = {429: frozenset({"locked-out"})}
_DEVICE: Codes = {
    401: frozenset({"unauthenticated"}),
    403: frozenset({"machine-not-allowed"}),
    404: frozenset({"unknown-machine"}),
    408: frozenset({"request-timeout"}),
    409: frozenset({"conflicting-duplicate", "machine-retired"}),
    413: frozenset({"body-too-large"}),
    415: frozenset({"unsupported-media-type", "unsupported-encoding", "unsupported-charset"}),
    429: frozenset({"rate-limited", "log-full"}),
    503: frozenset({"log-unavailable", "busy"}),
}
ONE_READING: Codes = {**_DEVICE, 400: _READING}
BATCH: Codes = {**_DEVICE, 400: _BATCH, 413: frozenset({"body-too-large", "batch-too-large"})}

_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_LIMITED = ("RateLimit-Policy", "RateLimit")


def problem_answers(*groups: Codes, limited: bool = False) -> dict[str, Part]:
    """Responses by status; `limited` for requests that count against the device key."""
    found: dict[int, frozenset[str]] = {}
    for codes in (EVERY, *groups):
        for status, more in codes.items():
            found[status] = found.get(status, frozenset()) | more
    return {
        str(status): problem_answer(
            status,
            found[status],
            *_HEADERS.get(status, ()),
            *(_LIMITED if limited and status == 429 else ()),
        )
        for status in sorted(found)
    }
