"""ASGI entry point: routes device requests, sockets and pages to their handlers."""

import os

from django.core.asgi import get_asgi_application

from digitaltwin.serving import preload  # noqa: F401 - before the apps import these libraries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digitaltwin.settings")
django_application = get_asgi_application()

from digitaltwin.serving.device_handler import DeviceHandler  # noqa: E402 - the apps must be ready first
from digitaltwin.serving.request_context import Receive, RequestContext, Scope, Send  # noqa: E402
from realtime.routing import websocket_application  # noqa: E402

device_handler = DeviceHandler("/api/v1/sensors/readings", "/api/v1/sensors/readings/batch")


async def _route(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await websocket_application(scope, receive, send)
    elif scope["type"] == "http" and device_handler.handles(scope):
        await device_handler(scope, receive, send)
    else:
        await django_application(scope, receive, send)


application = RequestContext(_route)
