"""Twins and readings out, for people and their programs (docs/api.md)."""

from functools import update_wrapper
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from sensors.access.policy import may_view_machines, scope_of
from sensors.api.parameters import (
    history_cursor,
    history_parameters,
    machine_cursor,
    machine_list_parameters,
    no_parameters,
)
from sensors.catalogue.descriptions import MachineDescription
from sensors.catalogue.selectors import machine_descriptions, machines_after
from sensors.exceptions import SensorsError
from sensors.gateways.http.views import SingleReadingView
from sensors.history.queries.readings import reading_history, sensors_named
from sensors.identifiers import is_machine_id
from sensors.openapi import described_by
from sensors.scopes import Scope
from sensors.timestamps import format_us, now_us
from sensors.twins.representation import latest_json, reading_json, status_json
from sensors.twins.selectors import latest_readings, twins


class UnknownMachine(SensorsError):
    """A machine that does not exist, or is not in the scope of the user: the answers are equal."""

    status = 404
    code = "unknown-machine"
    title = "Unknown machine"

    def __init__(self) -> None:
        super().__init__("There is no machine with this machine_id.")


class MayViewMachines(BasePermission):
    """The permission of viewers and of all roles above them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return may_view_machines(request.user)


class ReadView(APIView):
    """A read by session or user token, for users who may see machines; within their scope."""

    permission_classes = (MayViewMachines,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a wrong method before a missing login."""
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)


class MachineListView(ReadView):
    @described_by("sensors.api.openapi.operations.MACHINES")
    def get(self, request: Request) -> Response:
        query = machine_list_parameters(request.GET)
        machines = machines_after(scope_of(request.user), query.cursor, limit=query.limit + 1)
        shown = machines[: query.limit]
        more = machine_cursor(shown[-1].machine_id) if len(machines) > len(shown) else None
        return _page(request, twins(shown, now_us()), more)


class MachineView(ReadView):
    @described_by("sensors.api.openapi.operations.MACHINE")
    def get(self, request: Request, machine_id: str) -> Response:
        no_parameters(request.GET)
        return Response(twins([_machine(scope_of(request.user), machine_id)], now_us())[0])


class LatestView(ReadView):
    @described_by("sensors.api.openapi.operations.LATEST")
    def get(self, request: Request, machine_id: str) -> Response:
        no_parameters(request.GET)
        machine = _machine(scope_of(request.user), machine_id)
        readings, now = latest_readings(machine), now_us()
        latest = [latest_json(reading, machine, now_us=now) for reading in readings]
        return Response(
            {"machine_id": machine_id, "server_time": format_us(now), "readings": latest}
        )


class StatusView(ReadView):
    @described_by("sensors.api.openapi.operations.STATUS")
    def get(self, request: Request, machine_id: str) -> Response:
        no_parameters(request.GET)
        machine = _machine(scope_of(request.user), machine_id)
        newest = {reading.sensor_type: reading for reading in latest_readings(machine)}
        return Response(status_json(machine, newest, now_us=now_us()))


class ReadingListView(ReadView):
    @described_by("sensors.api.openapi.operations.READINGS")
    def get(self, request: Request) -> Response:
        query, scope = history_parameters(request.GET), scope_of(request.user)
        if query.machine_id:
            _machine(scope, query.machine_id)
        page = reading_history(
            sensors_named(scope, query.machine_id, query.sensor_type),
            now_us=now_us(),
            start=query.start,
            end=query.end,
            limit=query.limit,
            after=query.cursor,
        )
        more = history_cursor(page.next) if page.next else None
        return _page(request, [reading_json(reading) for reading in page.readings], more)


class ReadingsView(SingleReadingView):
    """`/sensors/readings`: devices POST one reading, people GET the list."""

    get = ReadingListView.get
    allowed = "GET, HEAD, POST"

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        post = super().as_view(**initkwargs)
        listing = sync_to_async(ReadingListView.as_view())

        async def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return await (listing if request.method in ("GET", "HEAD") else post)(request)

        return update_wrapper(view, post)


def _machine(scope: Scope, machine_id: str) -> MachineDescription:
    """Return the machine of the scope. Raises UnknownMachine."""
    if is_machine_id(machine_id):
        machines = machine_descriptions(scope, machine_id)
        if machine_id in machines:
            return machines[machine_id]
    raise UnknownMachine


def _page(request: Request, results: list[dict[str, Any]], cursor: str | None) -> Response:
    url = replace_query_param(request.build_absolute_uri(), "cursor", cursor) if cursor else None
    return Response({"results": results, "next": url})
