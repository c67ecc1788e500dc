"""Meaning of each problem code, the page at a problem's `type`, and the API's 404."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from digitaltwin.site.problems import problem_response

MEANINGS = {
    "bad-request": "The request is not one that this server can take, by its Host header perhaps.",
    "batch-too-large": "A batch holds at most MAX_BATCH readings; split it.",
    "blank": "The text must not be empty.",
    "body-too-large": "The body exceeds MAX_BODY_BYTES; send fewer readings at once.",
    "busy": "Too many requests are in flight; send the readings again after Retry-After.",
    "conflicting-duplicate": "A reading of this sensor and time was taken with another value or "
    "quality; the first stays.",
    "control-character": "Texts hold no control characters.",
    "database-unavailable": "The database cannot be reached; ask again after Retry-After.",
    "duplicate-key": "A JSON object names the same key twice.",
    "empty-batch": "A batch holds at least one reading.",
    "internal-error": "A fault of ours; the log holds it under the request_id.",
    "invalid": "The request is not valid; `detail` says why.",
    "invalid-field-name": "A key of metadata is empty, too long or holds control characters.",
    "invalid-machine-id": "The machine_id does not have the form that this plant uses.",
    "invalid-parameter": "A query parameter is unknown, repeated or malformed.",
    "invalid-range": "`start` must be before `end`.",
    "invalid-structure": "The body is JSON, but not of the form that this address takes.",
    "invalid-text": "A text holds half a character (a lone surrogate).",
    "invalid-timestamp": "Times are RFC 3339 with an offset, such as 2026-11-23T10:30:00.123456Z.",
    "locked-out": "Five logins failed; user and address are locked for 15 minutes.",
    "log-full": "The log holds MAX_LOG_ENTRIES; readings are taken again when it is read.",
    "log-unavailable": "The log cannot be reached, so nothing is promised; sending again is safe.",
    "machine-mismatch": "A reading names another machine than its batch.",
    "machine-not-allowed": "The device key does not speak for this machine.",
    "machine-retired": "The machine is retired; it keeps its history and takes no readings.",
    "malformed-json": "The body is not JSON in UTF-8.",
    "method-not-allowed": "The header Allow lists the methods of this address.",
    "not-acceptable": "Answers are JSON.",
    "not-found": "There is nothing at this address.",
    "number-out-of-range": "The number is not finite, or too large to keep.",
    "out-of-range": "The value lies outside the range of its sensor.",
    "permission-denied": "Your role does not allow this.",
    "rate-limited": "Too many requests with this device key; the header Retry-After says when.",
    "request-timeout": "The body did not come in time; send it again.",
    "required": "A field that every reading needs is missing.",
    "timestamp-in-future": "The time lies more than MAX_FUTURE_SECONDS ahead of the server's.",
    "timestamp-too-old": "The time lies before 2000, or is older than MAX_AGE_DAYS.",
    "too-deep": "The JSON is nested too deeply.",
    "too-large": "The metadata exceeds 1,000 characters.",
    "too-long": "The text is too long.",
    "too-many-fields": "The metadata holds more than 20 keys.",
    "unauthenticated": "Send a valid device key or user token as `Authorization: Bearer ...`, "
    "or log in.",
    "unit-mismatch": "The unit is unknown, or measures something else than the sensor.",
    "unknown-field": "The body holds a field that this address does not take.",
    "unknown-machine": "There is no machine with this machine_id.",
    "unknown-quality": "Qualities are good, uncertain, poor and bad.",
    "unknown-sensor": "The machine has no such sensor, or its type is not registered.",
    "unsupported-charset": "Bodies are UTF-8.",
    "unsupported-encoding": "Bodies are not compressed.",
    "unsupported-media-type": "Bodies are application/json.",
    "wrong-type": "The field holds another type of value than it takes.",
}


@require_safe
def explanation(request: HttpRequest, code: str) -> HttpResponse:
    if code not in MEANINGS:
        raise Http404
    return HttpResponse(f"{code}\n\n{MEANINGS[code]}\n", content_type="text/plain; charset=utf-8")


@csrf_exempt
def no_such_address(request: HttpRequest) -> HttpResponse:
    return problem_response(Http404())
