"""The one shape of every error."""

import httpx

from digitaltwin.tests.contract.walk import expect, hold

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


def expect_problem(answer: httpx.Response, status: int, code: str) -> None:
    """Raise Miss unless the response is this problem, complete and well-formed."""
    expect((answer.status_code, _code(answer)), (status, code), answer.request.url.path)
    problem = answer.json()
    expect(answer.headers["content-type"], "application/problem+json", "content type")
    hold(problem.keys() >= MEMBERS, f"a problem has {sorted(MEMBERS)}, got {sorted(problem)}")
    expect(problem["type"], f"/problems/{code}", "type")
    expect(problem["status"], status, "status")
    expect(problem["request_id"], answer.headers["x-request-id"], "request_id")
    if "errors" in problem:
        errors = problem["errors"]
        expect(errors[0]["code"], code, "code is the first of errors")
        hold(len(errors) <= min(100, problem["error_count"]), "at most 100 errors, all counted")
        hold(all({"field", "code", "detail"} <= one.keys() for one in errors), "errors have a form")
    expect_facts(answer)


def expect_facts(answer: httpx.Response) -> None:
    """The headers of every answer."""
    hold(answer.headers.get("x-request-id"), "X-Request-ID is missing")
    milliseconds = answer.headers.get("x-process-time", "")
    whole, dot, rest = milliseconds.partition(".")
    hold(whole.isdigit() and dot and len(rest) == 2, f"X-Process-Time is {milliseconds!r}")


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code", ""))
    except (ValueError, AttributeError):
        return f"no problem but {answer.text[:80]!r}"
