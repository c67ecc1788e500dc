"""Addresses of the sockets, behind the handshake that checks origin and user."""

from channels.routing import URLRouter
from django.urls import path, re_path

from realtime.sockets.consumers import DashboardConsumer, MachineConsumer, UnknownConsumer
from realtime.sockets.handshake import HandshakeMiddleware

websocket_application = HandshakeMiddleware(
    URLRouter(
        [
            path("ws/machines/<str:machine_id>", MachineConsumer.as_asgi()),
            path("ws/dashboard", DashboardConsumer.as_asgi()),
            re_path(r"", UnknownConsumer.as_asgi()),
        ]
    )
)
