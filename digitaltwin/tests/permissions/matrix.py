"""Permission matrix: the expected answer of every address to everybody.

A new address without a row here fails test_permissions.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

OK, LOG_IN, REFUSED, UNKNOWN = "answered", "told to log in", "refused", "unknown"

PEOPLE = (
    *("nobody", "no role", "viewer", "operator", "engineer", "admin", "superuser"),
    *("restricted", "deactivated"),
)
DEVICES = ("key for all", "key for one", "revoked key", "expired key")
EVERYBODY = (*PEOPLE, *DEVICES)
# Everybody who is not in it is asked to log in.
Answers = Mapping[str, str]

# The restricted one is a viewer of the machine SEEN alone.
SEEN, HIDDEN, NONE = "CNC-001", "CNC-002", "ZZZ-999"

_SEEING = ("viewer", "operator", "engineer", "admin", "superuser", "restricted")
_ENTERING = ("engineer", "admin", "superuser")
OPEN: Answers = dict.fromkeys(EVERYBODY, OK)
WITH_A_LOGIN: Answers = dict.fromkeys(("no role", *_SEEING), OK)
WITH_A_ROLE: Answers = {"no role": REFUSED} | dict.fromkeys(_SEEING, OK)
BY_A_DEVICE: Answers = dict.fromkeys(("key for all", "key for one"), OK)
IN_ADMIN: Answers = dict.fromkeys(_ENTERING, OK)
NOBODY_IN_ADMIN: Answers = dict.fromkeys(_ENTERING, REFUSED)


class Row(NamedTuple):
    """A request at an address of the URLconf; `ok` are the statuses that "answered" means.

    `lists` says that the answer names every machine that the person sees.
    """

    route: str
    request: str
    answers: Answers
    ok: tuple[int, ...] = (200,)
    body: Any = None
    lists: bool = False

    @property
    def is_read_of_a_machine(self) -> bool:
        return self.request.startswith("GET ") and SEEN in self.request


READING = {"machine_id": "CNC-001", "sensor_type": "temperature", "value": 20, "unit": "Cel"}

API = [
    Row("api/v1/health", "GET /api/v1/health", OPEN),
    Row("api/v1/health/live", "GET /api/v1/health/live", OPEN),
    Row("api/v1/health/ready", "GET /api/v1/health/ready", OPEN),
    Row("api/v1/auth/token", "POST /api/v1/auth/token", OPEN, (400,), {}),
    Row("api/v1/auth/token/refresh", "POST /api/v1/auth/token/refresh", OPEN, (400,), {}),
    Row("api/v1/machines", "GET /api/v1/machines", WITH_A_ROLE, lists=True),
    Row("api/v1/machines/<str:machine_id>", "GET /api/v1/machines/CNC-001", WITH_A_ROLE),
    Row("api/v1/machines/<str:machine_id>", "GET /api/v1/machines/ZZZ-999", WITH_A_ROLE, (404,)),
    Row(
        "api/v1/machines/<str:machine_id>/latest",
        "GET /api/v1/machines/CNC-001/latest",
        WITH_A_ROLE,
    ),
    Row(
        "api/v1/machines/<str:machine_id>/status",
        "GET /api/v1/machines/CNC-001/status",
        WITH_A_ROLE,
    ),
    Row("api/v1/sensors/readings", "GET /api/v1/sensors/readings", WITH_A_ROLE, lists=True),
    Row(
        "api/v1/sensors/readings",
        "GET /api/v1/sensors/readings?machine_id=CNC-001",
        WITH_A_ROLE,
    ),
    Row("api/v1/sensors/readings", "POST /api/v1/sensors/readings", BY_A_DEVICE, (201,), READING),
    Row(
        "api/v1/sensors/readings/batch",
        "POST /api/v1/sensors/readings/batch",
        BY_A_DEVICE,
        *((201,), {"readings": [READING]}),
    ),
    Row("^api/", "GET /api/v1/nothing", OPEN, (404,)),
]
PAGES = [
    Row("", "GET /", WITH_A_ROLE, lists=True),
    Row("machines/<str:machine_id>/", "GET /machines/CNC-001/", WITH_A_ROLE),
    Row("machines/<str:machine_id>/", "GET /machines/ZZZ-999/", WITH_A_ROLE, (404,)),
    Row(
        "machines/<str:machine_id>/summary",
        *("GET /machines/CNC-001/summary?sensor=temperature&minutes=60", WITH_A_ROLE),
    ),
    Row(
        "machines/<str:machine_id>/summary",
        *("GET /machines/CNC-001/summary?sensor=none&minutes=60", WITH_A_ROLE, (404,)),
    ),
    Row(
        "sparks",
        "GET /sparks?row=CNC-001/temperature&row=CNC-002/temperature",
        *(WITH_A_ROLE, (200,), None, True),
    ),
    Row("release", "GET /release", WITH_A_ROLE),
    Row("style/", "GET /style/", WITH_A_ROLE, (404,)),
    Row("theme", "POST /theme", OPEN, (302,)),
    Row("language", "POST /language", OPEN, (302,)),
    Row("problems/<slug:code>", "GET /problems/busy", OPEN),
    Row("metrics", "GET /metrics", OPEN),
    Row("offline/", "GET /offline/", OPEN),
    Row("service-worker.js", "GET /service-worker.js", OPEN),
    Row("login/", "GET /login/", OPEN),
    Row("account/", "GET /account/", WITH_A_LOGIN),
    Row("password/", "GET /password/", WITH_A_LOGIN),
    Row("password/", "POST /password/", WITH_A_LOGIN),
    Row("admin/login/", "GET /admin/login/", OPEN, (302,)),
    Row("admin/password_change/", "GET /admin/password_change/", OPEN, (302,)),
    Row("admin/", "GET /admin/", IN_ADMIN),
    Row("admin/jsi18n/", "GET /admin/jsi18n/", IN_ADMIN),
    Row("admin/password_change/done/", "GET /admin/password_change/done/", IN_ADMIN),
    Row("admin/autocomplete/", "GET /admin/autocomplete/", NOBODY_IN_ADMIN),
    Row("admin/r/<path:content_type_id>/<path:object_id>/", "GET /admin/r/1/1/", IN_ADMIN, (404,)),
    Row("admin/^<app_label>/$", "GET /admin/sensors/", IN_ADMIN),
    Row("admin/(?P<url>.*)$", "GET /admin/nothing/", IN_ADMIN, (404,)),
    # Each ends the session, so they stand last.
    Row("logout/", "GET /logout/", OPEN, (405,)),
    Row("admin/logout/", "GET /admin/logout/", OPEN, (405,)),
    Row("logout/everywhere/", "POST /logout/everywhere/", OPEN, (302,)),
    Row("logout/", "POST /logout/", OPEN, (302,)),
    Row("admin/logout/", "POST /admin/logout/", OPEN, (302,)),
]


def hidden_rows(rows: Sequence[Row]) -> list[Row]:
    """The reads of a machine, asked for the machine that the restricted one may not see."""
    return [
        row._replace(
            request=row.request.replace(SEEN, HIDDEN),
            answers={**row.answers, "restricted": OK if 404 in row.ok else UNKNOWN},
        )
        for row in rows
        if row.is_read_of_a_machine and not row.lists
    ]


SHOWN_OR_SAVED = (200, 302)
# Rights in Django admin: v(iew), a(dd), c(hange), d(elete).
MODELS: dict[str, dict[str, str]] = {
    "sensors/machine": {"engineer": "v", "admin": "vacd", "superuser": "vacd"},
    "sensors/sensor": {"engineer": "vacd", "admin": "vacd", "superuser": "vacd"},
    "sensors/sensortype": {"engineer": "v", "admin": "vacd", "superuser": "vacd"},
    "sensors/devicekey": {"engineer": "", "admin": "vacd", "superuser": "vacd"},
    "sensors/conflictingreading": {"engineer": "", "admin": "v", "superuser": "v"},
    "sensors/deadletter": {"engineer": "", "admin": "v", "superuser": "v"},
    "auth/user": {"engineer": "", "admin": "vacd", "superuser": "vacd"},
    "auth/group": {"engineer": "", "admin": "", "superuser": "vacd"},
    "axes/accessattempt": {"engineer": "", "admin": "vd", "superuser": "vcd"},
    "axes/accesslog": {"engineer": "", "admin": "v", "superuser": "vcd"},
    "axes/accessfailurelog": {"engineer": "", "admin": "", "superuser": "vcd"},
}
# The pages of a model: route, request, the right that it asks for.
_VIEWS = [
    ("", "GET ", "v"),
    ("add/", "GET add/", "a"),
    ("<path:object_id>/change/", "GET {pk}/change/", "v"),
    ("<path:object_id>/change/", "POST {pk}/change/", "c"),
    ("<path:object_id>/history/", "GET {pk}/history/", "v"),
    ("<path:object_id>/delete/", "GET {pk}/delete/", "d"),
]


def model_rows(primary_keys: Mapping[str, int]) -> list[Row]:
    """Rows for the pages of every model in Django admin, each with an object of its own."""
    rows = []
    for model, rights in MODELS.items():
        pk = primary_keys[model]
        views = [*_VIEWS]
        if model == "auth/user":
            views.append(("<id>/password/", "GET {pk}/password/", "c"))
        for route, request, right in views:
            method, _, page = request.partition(" ")
            answers = {who: OK if right in rights[who] else REFUSED for who in rights}
            address = f"{method} /admin/{model}/{page.format(pk=pk)}"
            rows.append(Row(f"admin/{model}/{route}", address, answers, SHOWN_OR_SAVED))
        address = f"GET /admin/{model}/{pk}/"  # an old address of the page above
        rows.append(Row(f"admin/{model}/<path:object_id>/", address, IN_ADMIN, (302,)))
    return rows


class Socket(NamedTuple):
    """The first answer of an address of the sockets' routing: a message or a close code."""

    route: str
    path: str
    answers: Mapping[str, str | int]


def _greeted(first: str | int) -> Mapping[str, str | int]:
    """Map each role to its first answer; all others are closed with 4401."""
    return {"no role": 4403} | dict.fromkeys(_SEEING, first)


SOCKETS = [
    Socket("ws/machines/<str:machine_id>", "/ws/machines/CNC-001", _greeted("initial_data")),
    Socket(
        "ws/machines/<str:machine_id>",
        *("/ws/machines/CNC-002", {**_greeted("initial_data"), "restricted": 4404}),
    ),
    Socket("ws/machines/<str:machine_id>", "/ws/machines/ZZZ-999", _greeted(4404)),
    Socket("ws/dashboard", "/ws/dashboard", _greeted("initial_data")),
    Socket("", "/ws/nothing", _greeted(4404)),
]
# Client messages with their answers on a machine's socket and on the dashboard's.
ACTIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "ping": ({}, "pong", "pong"),
    "get_latest": ({}, "latest", "latest"),
    "subscribe": ({"machine_ids": ["CNC-001"]}, "error", "subscribed"),
}
