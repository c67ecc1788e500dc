"""Frames to sockets: the hub of this process."""

from realtime.hub.hub import Hub, get_hub
from realtime.hub.socket import Socket

__all__ = ["Hub", "Socket", "get_hub"]
