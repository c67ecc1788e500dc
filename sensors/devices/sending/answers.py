"""Answers of the server to a device that posts readings (docs/api.md)."""

import email.utils
from collections.abc import Iterable
from datetime import UTC, datetime

import httpx
import msgspec

from sensors.devices.sending.outbox import Batch

# The request was not at fault: timeout, too early, too many, and every 5xx.
RETRYABLE = {408, 425, 429}
# A 500 may be caused by this very batch, which must not block the others for ever.
MAX_TRIES_AFTER_500 = 8
# A longer Retry-After is treated as a mistake.
MAX_RETRY_AFTER = 300.0
# Answers of another server to a path that only this platform has.
NOT_OURS = {404, 405}
# A refusal for content lists the errors of at most this many rows.
REFUSED_FOR_CONTENT = {400, 409, 413}
MAX_ERRORS = 100
CONFLICT = "conflicting-duplicate"


class SendingStopped(Exception):
    """No batch can ever be accepted: the text gives the reason and the remedy."""


class RowError(msgspec.Struct, frozen=True):
    code: str = "invalid"
    detail: str = ""
    index: int | None = None


class ResultRow(msgspec.Struct, frozen=True):
    """Result of a reading in a 2xx answer."""

    status: str
    errors: list[RowError] = []


class ProblemBody(msgspec.Struct, frozen=True):
    """A problem (RFC 9457); the error page of a proxy has none of its fields."""

    code: str
    detail: str = ""
    errors: list[RowError] = []
    error_count: int | None = None


class SendingRefusal(msgspec.Struct):
    """Readings of a machine refused with the same code; `detail` is that of the first."""

    machine_id: str
    code: str
    detail: str
    count: int


class Tally(msgspec.Struct):
    """Counts of outcomes; `dropped` readings were never posted, `retries` counts requests."""

    accepted: int = 0
    late: int = 0
    duplicate: int = 0
    conflicting: int = 0
    refused: int = 0
    dropped: int = 0
    requests: int = 0
    retries: int = 0
    refusals: dict[tuple[str, str], SendingRefusal] = {}

    @property
    def answered(self) -> int:
        return self.accepted + self.late + self.duplicate + self.conflicting + self.refused


def is_retryable(status: int, *, tries: int) -> bool:
    if status == httpx.codes.INTERNAL_SERVER_ERROR:
        return tries < MAX_TRIES_AFTER_500
    return status in RETRYABLE or status > httpx.codes.INTERNAL_SERVER_ERROR


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of Retry-After, a number or a date (RFC 9110 10.2.3); None without it."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return min(MAX_RETRY_AFTER, float(text))
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = (moment - datetime.now(UTC)).total_seconds()
    return min(MAX_RETRY_AFTER, max(0.0, wait))


def problem(response: httpx.Response) -> ProblemBody:
    try:
        return msgspec.json.decode(response.content, type=ProblemBody)
    except msgspec.DecodeError:
        return ProblemBody(f"http-{response.status_code}", response.reason_phrase)


def stop_unless_answered(response: httpx.Response) -> None:
    """Raise SendingStopped for an answer that every other batch would get as well."""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        body = problem(response)
        raise SendingStopped(
            f"The server refused the device key (401 {body.code}): {body.detail} "
            "Create one with `python manage.py device_key create` and set DEVICE_KEY."
        )
    if response.is_redirect:
        raise SendingStopped(
            f"{response.url} redirects to {response.headers.get('Location', 'nowhere')}: "
            "use the final address."
        )
    if response.status_code in NOT_OURS and "problem+json" not in _media_type(response):
        raise SendingStopped(
            f"{response.url} responded with {response.status_code}, but not in the format of this "
            "platform. Check the address."
        )


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("Content-Type", ""))


def omits_row_errors(response: httpx.Response, batch: Batch) -> bool:
    """Return whether the batch was refused for more rows than the answer can list."""
    return response.status_code in REFUSED_FOR_CONTENT and batch.count > MAX_ERRORS


def count(tally: Tally, batch: Batch, response: httpx.Response) -> list[SendingRefusal]:
    """Add an answer to the tally; return the refusals that occurred for the first time.

    Raises SendingStopped when a 2xx answer is not from this platform.
    """
    if response.is_success:
        errors = _count_rows(tally, response)
    else:
        errors = _row_errors(problem(response), batch.count)
    return _count_errors(tally, batch.machine_id, errors)


def _count_rows(tally: Tally, response: httpx.Response) -> list[RowError]:
    """Add the accepted readings; return an error for each refused reading."""
    try:
        rows = msgspec.json.decode(response.content, type=list[ResultRow])
    except msgspec.DecodeError as exc:
        raise SendingStopped(
            f"{response.url} responded with {response.status_code} in an unknown format: {exc}."
        ) from exc
    tally.accepted += sum(row.status == "accepted" for row in rows)
    tally.late += sum(row.status == "late" for row in rows)
    tally.duplicate += sum(row.status == "duplicate" for row in rows)
    return [row.errors[0] if row.errors else RowError() for row in rows if row.status == "refused"]


def _row_errors(body: ProblemBody, readings: int) -> list[RowError]:
    """Return an error for each reading of a batch that was refused whole.

    `errors` lists at most MAX_ERRORS rows at fault; the other rows share the code of the problem.
    """
    firsts: dict[int, RowError] = {}
    for error in body.errors:
        if error.index is not None:
            firsts.setdefault(error.index, error)
    others = [RowError(body.code, body.detail)] * max(0, readings - len(firsts))
    return [*firsts.values(), *others]


def _count_errors(
    tally: Tally, machine_id: str, errors: Iterable[RowError]
) -> list[SendingRefusal]:
    new = []
    for error in errors:
        if error.code == CONFLICT:
            tally.conflicting += 1
        else:
            tally.refused += 1
        refusal = tally.refusals.get((machine_id, error.code))
        if refusal is None:
            refusal = SendingRefusal(machine_id, error.code, error.detail, 0)
            tally.refusals[machine_id, error.code] = refusal
            new.append(refusal)
        refusal.count += 1
    return new
