"""The address we listen on, bound once and handed to every web process."""

import errno
import socket
import time

BACKLOG = 2048
# The web processes of an `up` that was killed end within this and give the port back.
RETRY_SECONDS = 3.0


class CannotListen(Exception):
    """One sentence for the person who started us."""


def listen(host: str, port: int, *, retry_seconds: float = 0.0) -> socket.socket:
    """A listening TCP socket, inheritable. Raises CannotListen."""
    deadline = time.monotonic() + retry_seconds
    while True:
        try:
            return _listening(host, port)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise CannotListen(_sentence(host, port, exc)) from exc


def _listening(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` is both; what people type in scripts is the older one.
    family, kind, protocol, _, address = sorted(found, key=lambda one: one[0] != socket.AF_INET)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    except OSError:
        listener.close()
        raise
    return listener


def _sentence(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use; choose another with --port."
    if exc.errno == errno.EACCES:
        return f"Port {port} requires more privileges; choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port}: {exc.strerror or exc}."
