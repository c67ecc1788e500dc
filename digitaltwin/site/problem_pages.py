"""Meaning of each problem code, the page at a problem's `type`, and the API's 404."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from digitaltwin.site.problems import problem_response

MEANINGS = {
    "bad-request": "Invalid request, often the Host header.",
    "batch-too-large": "A batch can contain at most MAX_BATCH readings; split it.",
    "blank": "The string must not be empty.",
    "body-too-large": "The body exceeds MAX_BODY_BYTES; send fewer readings per request.",
    "busy": "Too many requests are in progress; send the readings again after Retry-After.",
    "conflicting-duplicate": "A reading of this sensor and time was accepted with another value or "
    "quality; the first is kept.",
    "control-character": "Strings must not contain control characters.",
    "database-unavailable": "The database cannot be reached; try again after Retry-After.",
    "duplicate-key": "A JSON object contains the same key twice.",
    "empty-batch": "A batch must contain at least one reading.",
    "internal-error": "Internal error; it is logged under the request_id.",
    "invalid": "The request is invalid; `detail` gives the reason.",
    "invalid-field-name": "A key of metadata is empty, too long or contains control characters.",
    "invalid-machine-id": "The machine_id does not match the pattern of this plant.",
    "invalid-parameter": "A query parameter is unknown, repeated or malformed.",
    "invalid-range": "`start` must not be after `end`.",
    "invalid-structure": "The body is JSON, but does not have the structure that this address "
    "expects.",
    "invalid-text": "A string contains an invalid character (a lone surrogate).",
    "invalid-timestamp": "Times are RFC 3339 with an offset, such as 2026-11-23T10:30:00.123456Z.",
    "locked-out": "Five logins failed; the user is locked from this address for 15 minutes.",
    "log-full": "The log has reached MAX_LOG_ENTRIES; readings are accepted again when the "
    "database has caught up.",
    "log-unavailable": "The log cannot be reached, so nothing is promised; sending again is safe.",
    "machine-mismatch": "A reading has another machine_id than its batch.",
    "machine-not-allowed": "The device key is not valid for this machine.",
    "machine-retired": "The machine is retired; its history is kept, new readings are refused.",
    "malformed-json": "The body is not valid JSON in UTF-8.",
    "method-not-allowed": "The header Allow lists the methods of this address.",
    "not-acceptable": "Responses are available as JSON only.",
    "not-found": "There is no resource at this address.",
    "number-out-of-range": "The number is not finite or too large.",
    "out-of-range": "The value is outside the accepted range of its sensor.",
    "permission-denied": "Your role does not allow this.",
    "rate-limited": "Too many requests with this device key; wait for Retry-After.",
    "request-timeout": "The body did not arrive in time; send it again.",
    "required": "A required field is missing.",
    "timestamp-in-future": "The time is more than MAX_FUTURE_SECONDS ahead of the server clock.",
    "timestamp-too-old": "The time is before 2000 or older than MAX_AGE_DAYS.",
    "too-deep": "The JSON is nested too deeply.",
    "too-large": "The metadata exceeds 1,000 characters.",
    "too-long": "The string is too long.",
    "too-many-fields": "The object has too many keys; metadata can have at most 20.",
    "unauthenticated": "Send a valid device key or user token as `Authorization: Bearer ...`, or "
    "log in.",
    "unit-mismatch": "The unit is unknown or belongs to another quantity than the sensor.",
    "unknown-field": "The body contains a field that this address does not accept.",
    "unknown-machine": "There is no machine with this machine_id.",
    "unknown-quality": "The quality must be good, uncertain, poor or bad.",
    "unknown-sensor": "The machine has no such sensor, or its type is not registered.",
    "unsupported-charset": "Bodies must be UTF-8.",
    "unsupported-encoding": "Compressed bodies are not supported.",
    "unsupported-media-type": "Bodies must be application/json.",
    "wrong-type": "The field does not accept this type of value.",
}


@require_safe
def explanation(request: HttpRequest, code: str) -> HttpResponse:
    if code not in MEANINGS:
        raise Http404
    return HttpResponse(f"{code}\n\n{MEANINGS[code]}\n", content_type="text/plain; charset=utf-8")


@csrf_exempt
def no_such_address(request: HttpRequest) -> HttpResponse:
    return problem_response(Http404())
