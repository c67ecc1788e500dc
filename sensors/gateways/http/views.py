"""Readings in: `POST /sensors/readings` and `/batch`, the views of the device path.

They are APIViews in the URLconf, for the documents and Django's test client; the lean handler of
the wires calls the same async function.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from sensors.access.device_authentication import device_key
from sensors.catalogue.cache import get_catalogue
from sensors.catalogue.descriptions import KeyDescription, Known
from sensors.enums import Verdict
from sensors.exceptions import (
    Busy,
    ConflictingDuplicate,
    InvalidReadings,
    LogUnavailable,
    SensorsError,
)
from sensors.gateways.http.requests import (
    JSON,
    DeviceAnswer,
    DeviceRequest,
    MethodNotAllowed,
    Options,
    check_content_type,
    of_django,
    options,
    to_django,
)
from sensors.gateways.refusal_log import log_refusal
from sensors.ingest.admission import Admitted, admit
from sensors.ingest.payloads import Checked
from sensors.ingest.pipeline import conflict, ingest, is_stored
from sensors.ingest.receipts import Answer, Refusal, answers, encode, refusal, status_of
from sensors.ingest.serializers import check_batch, check_single
from sensors.messages import Receipt
from sensors.metrics import INGEST_SECONDS, READINGS, REFUSALS
from sensors.openapi import described_by
from sensors.store.appender import rate_headers
from sensors.timestamps import now_us

View = Callable[..., Awaitable[HttpResponse]]


class DeviceView(APIView, ABC):
    """`as_view` returns an async function, so that no device waits for a thread."""

    authentication_classes = ()
    permission_classes = ()
    allowed = "POST"
    check: ClassVar[Callable[..., Checked]]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return to_django(await cls.answer(of_django(request)))

        view.cls = cls  # type: ignore[attr-defined]
        view.initkwargs = initkwargs  # type: ignore[attr-defined]
        view.csrf_exempt = True  # type: ignore[attr-defined]
        return view

    @classmethod
    async def answer(cls, request: DeviceRequest) -> DeviceAnswer:
        """The request's answer, whatever happens; errors are problems (RFC 9457)."""
        key: KeyDescription | None = None
        try:
            if request.method != "POST":
                raise MethodNotAllowed(request.method, cls.allowed)
            known = await _known()
            key = device_key(request.authorization, known, now_us=now_us())
            get_catalogue().note_use(key.id)
            check_content_type(request)
            body, wanted = await request.read_body(), options(request.query)
            with INGEST_SECONDS.time(), _InFlight():
                return await cls.take(body, key, known, wanted)
        except Exception as exc:
            return _problem(exc, key.prefix if key else "")

    @classmethod
    async def take(
        cls, body: bytes, key: KeyDescription, known: Known, wanted: Options
    ) -> DeviceAnswer:
        """Check, resolve, log, answer: the path of the readings of one request."""
        received_at = now_us()
        checked = cls.check(body, now_us=received_at)
        admitted = await admit(checked, key, known, received_at=received_at, partial=wanted.partial)
        if not admitted.readings:
            raise _all_refused(admitted)
        readings = admitted.readings
        receipt = await ingest(readings, key_id=str(key.id), partial=wanted.partial)
        stored = await is_stored(receipt, wanted=wanted.ack_stored)
        return cls.respond(admitted, receipt, stored=stored)

    @classmethod
    @abstractmethod
    def respond(cls, admitted: Admitted, receipt: Receipt, *, stored: bool) -> DeviceAnswer:
        """The answer to readings of which at least one was taken."""


def _described(operation: str) -> Any:
    """A handler for the documents to find; it answers as `as_view` does."""

    @described_by(operation)
    async def post(view: DeviceView, request: Request) -> HttpResponse:
        return to_django(await view.answer(of_django(request._request)))

    return post


class SingleReadingView(DeviceView):
    """`POST /api/v1/sensors/readings`: one reading."""

    post = _described("sensors.api.openapi.operations.READING_IN")
    check = staticmethod(check_single)

    @classmethod
    async def take(
        cls, body: bytes, key: KeyDescription, known: Known, wanted: Options
    ) -> DeviceAnswer:
        try:
            return await super().take(
                body, key, known, msgspec.structs.replace(wanted, partial=False)
            )
        except InvalidReadings as exc:
            exc.errors = [msgspec.structs.replace(error, index=None) for error in exc.errors]
            raise

    @classmethod
    def respond(cls, admitted: Admitted, receipt: Receipt, *, stored: bool) -> DeviceAnswer:
        [answer] = answers(admitted.sent, admitted.readings, receipt, stored=stored)
        return _response(answer, status_of(receipt.verdicts, stored=stored), receipt)


class BatchView(DeviceView):
    """`POST /api/v1/sensors/readings/batch`: 1 to MAX_BATCH readings, all or none."""

    post = _described("sensors.api.openapi.operations.BATCH_IN")
    check = staticmethod(check_batch)

    @classmethod
    def respond(cls, admitted: Admitted, receipt: Receipt, *, stored: bool) -> DeviceAnswer:
        taken = answers(admitted.sent, admitted.readings, receipt, stored=stored)
        refused = _refused(admitted, receipt)
        if not refused:
            return _response(taken, status_of(receipt.verdicts, stored=stored), receipt)
        rows: dict[int, Answer | Refusal] = dict(zip(admitted.indices, taken, strict=True))
        if len(refused) == len(rows.keys() | refused.keys()):
            raise _all_refused(admitted, refused)
        rows |= {index: refusal(index, errors) for index, errors in refused.items()}
        return _response([rows[index] for index in sorted(rows)], 207, receipt)


def _refused(admitted: Admitted, receipt: Receipt) -> dict[int, list[Any]]:
    """The refused rows: those that were wrong, and those that the log knew otherwise."""
    READINGS.labels(Verdict.REFUSED).inc(len(admitted.refused))
    if Verdict.CONFLICT not in receipt.verdicts:
        return admitted.refused
    conflicting = {
        index: [conflict(reading, index=index)]
        for index, reading, verdict in zip(
            admitted.indices, admitted.readings, receipt.verdicts, strict=True
        )
        if verdict is Verdict.CONFLICT
    }
    return admitted.refused | conflicting


def _all_refused(
    admitted: Admitted, refused: Mapping[int, list[Any]] | None = None
) -> InvalidReadings:
    rows = admitted.refused if refused is None else refused
    return InvalidReadings([error for index in sorted(rows) for error in rows[index]])


class _InFlight:
    """One of at most MAX_IN_FLIGHT requests of this process. Raises Busy."""

    count: ClassVar[int] = 0

    def __enter__(self) -> None:
        if _InFlight.count >= settings.MAX_IN_FLIGHT:
            raise Busy
        _InFlight.count += 1

    def __exit__(self, *exc: object) -> None:
        _InFlight.count -= 1


async def _known() -> Known:
    try:
        return await get_catalogue().current()
    except DatabaseError as exc:
        raise LogUnavailable("The machines cannot be loaded; send the readings again.") from exc


def _response(data: Any, status: int, receipt: Receipt) -> DeviceAnswer:
    headers = rate_headers(receipt.remaining, receipt.reset_seconds)
    return DeviceAnswer(status, encode(data), {"Content-Type": JSON, **headers})


def _problem(exc: Exception, key: str) -> DeviceAnswer:
    if isinstance(exc, DatabaseError):
        exc = LogUnavailable("The sensor could not be registered; send the readings again.")
    handler: Any = api_settings.EXCEPTION_HANDLER
    answer = handler(exc, {"request": HttpRequest()})
    REFUSALS.labels(answer.data["code"]).inc()
    if isinstance(exc, InvalidReadings) and not isinstance(exc, ConflictingDuplicate):
        READINGS.labels(Verdict.REFUSED).inc(len({error.index for error in exc.errors}))
    if isinstance(exc, SensorsError):
        log_refusal(exc, key=key, now_us=now_us())
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return DeviceAnswer(answer.status_code, encode(answer.data), headers)
