"""A plain Channels app: every socket is a member of its machine's group, a view sends to it."""

import json
import os
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Its own default of 100 messages a channel drops in bursts.
            "CONFIG": {"hosts": [os.environ["REDIS_URL"]], "capacity": 10_000},
        }
    },
)
django.setup()


class MachineConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        self.group = f"machine.{self.scope['url_route']['kwargs']['machine_id']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def sensor_update(self, event: dict[str, Any]) -> None:
        await self.send(json.dumps({"type": "sensor_update", "data": event["reading"]}))


async def take_reading(request: HttpRequest) -> HttpResponse:
    reading = json.loads(request.body)
    layer = get_channel_layer()
    await layer.group_send(
        f"machine.{reading['machine_id']}", {"type": "sensor.update", "reading": reading}
    )
    return JsonResponse(reading, status=201)


async def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("api/v1/sensors/readings", take_reading), path("health", health)]
application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter([path("ws/machines/<str:machine_id>", MachineConsumer.as_asgi())]),
    }
)
