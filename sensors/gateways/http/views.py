"""The HTTP door of devices: `POST /sensors/readings` and `/sensors/readings/batch`.

The views are APIViews in the URLconf, for the API document and Django's test client; the device
handler (digitaltwin/serving/device_handler.py) calls the same `answer`.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from sensors.gateways.http.requests import (
    JSON,
    DeviceAnswer,
    DeviceRequest,
    MethodNotAllowed,
    check_content_type,
    of_django,
    parse_options,
    to_django,
)
from sensors.ingest.pipeline import IngestOptions, take_readings
from sensors.ingest.receipts import (
    IngestReceipt,
    ReadingResult,
    RefusedReading,
    encode,
    http_status,
    reading_results,
    refused_reading,
)
from sensors.ingest.refusals import record_refusal
from sensors.openapi import described_by
from sensors.store.appender import rate_headers


class DeviceView(APIView, ABC):
    """A view for devices; `as_view` returns an async function, so no request needs a thread."""

    authentication_classes = ()
    permission_classes = ()
    allowed = "POST"
    is_batch: ClassVar[bool]

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
        """Return the answer to the request in every case; errors are problems (RFC 9457)."""

        async def read_content() -> tuple[bytes, IngestOptions]:
            check_content_type(request)
            return await request.read_body(), parse_options(request.query)

        try:
            if request.method != "POST":
                refusal = MethodNotAllowed(request.method, cls.allowed)
                record_refusal(refusal)
                raise refusal
            receipt = await take_readings(
                request.authorization, read_content, is_batch=cls.is_batch
            )
            return cls.respond(receipt)
        except Exception as exc:
            return _problem(exc)

    @classmethod
    @abstractmethod
    def respond(cls, receipt: IngestReceipt) -> DeviceAnswer:
        """Make the answer of the receipt."""


def _described(operation: str) -> Any:
    """Return a handler for the API document; it answers as `as_view` does."""

    @described_by(operation)
    async def post(view: DeviceView, request: Request) -> HttpResponse:
        return to_django(await view.answer(of_django(request._request)))

    return post


class SingleReadingView(DeviceView):
    """`POST /api/v1/sensors/readings`: one reading."""

    post = _described("sensors.api.openapi.operations.READING_IN")
    is_batch = False

    @classmethod
    def respond(cls, receipt: IngestReceipt) -> DeviceAnswer:
        [result] = reading_results(receipt)
        return _response(result, http_status(receipt), receipt)


class BatchView(DeviceView):
    """`POST /api/v1/sensors/readings/batch`: 1 to MAX_BATCH readings, all or none."""

    post = _described("sensors.api.openapi.operations.BATCH_IN")
    is_batch = True

    @classmethod
    def respond(cls, receipt: IngestReceipt) -> DeviceAnswer:
        results = reading_results(receipt)
        if not receipt.refused:
            return _response(results, http_status(receipt), receipt)
        rows: dict[int, ReadingResult | RefusedReading]
        rows = dict(zip(receipt.indices, results, strict=True))
        rows |= {index: refused_reading(index, errors) for index, errors in receipt.refused.items()}
        return _response([rows[index] for index in sorted(rows)], 207, receipt)


def _response(data: Any, status: int, receipt: IngestReceipt) -> DeviceAnswer:
    headers = rate_headers(receipt.appended.remaining, receipt.appended.reset_seconds)
    return DeviceAnswer(status, encode(data), {"Content-Type": JSON, **headers})


def _problem(exc: Exception) -> DeviceAnswer:
    handler: Any = api_settings.EXCEPTION_HANDLER
    problem = handler(exc, {"request": HttpRequest()})
    headers = {**problem.headers, "Content-Type": problem.content_type}
    return DeviceAnswer(problem.status_code, encode(problem.data), headers)
