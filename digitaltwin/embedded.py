"""The Redis that comes with `up`: found by its socket, named in the data folder."""

from pathlib import Path

MEMORY = "memory://"


def url(data_dir: Path) -> str:
    """Where the embedded Redis of this data folder listens; `memory://` when there is none."""
    pointer = data_dir / "redis" / "socket"
    if not pointer.is_file():
        return MEMORY
    socket = Path(pointer.read_text(encoding="utf-8").strip())
    return f"unix://{socket}" if socket.exists() else MEMORY
