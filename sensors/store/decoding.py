"""Redis's answers as our messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensors.messages import START, LogEntry, Snapshot, unpack
from sensors.store import keys

_FIXED_PART = 32  # of a packed latest value: effective and measured time, 16 digits each


def text(value: bytes | str | None) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value or ""


def marked(value: bytes | str | None) -> tuple[str, str]:
    epoch, _, position = text(value).partition(" ")
    return epoch, position or START


def entry(position: bytes, fields: Mapping[bytes, bytes]) -> LogEntry:
    """The entry as it stands; a poisonous one is the history reader's to judge, not ours."""
    count = fields.get(b"n", b"0")
    return LogEntry(
        position=position.decode(),
        kind=text(fields.get(b"kind")),
        previous=text(fields.get(b"prev")) or START,
        machine_id=text(fields.get(b"machine")),
        count=int(count) if count.isdigit() else 0,
        payload=fields.get(b"readings", b"[]"),
    )


def read_entries(reply: Mapping[bytes, Any] | None) -> list[LogEntry]:
    """Those of an XREAD of one stream (RESP3), where fields are names and values in turn."""
    return [
        entry(position, dict(zip(flat[::2], flat[1::2], strict=True)))
        for rows in (reply or {}).values()
        for position, flat in rows
    ]


def missed_entry(machine_id: str, part: Sequence[bytes]) -> LogEntry:
    position, previous, count, payload = part
    return LogEntry(
        position=text(position),
        kind="readings",
        previous=text(previous),
        machine_id=machine_id,
        count=int(count),
        payload=payload,
    )


def snapshot(epoch: str, fields: Mapping[bytes, bytes]) -> Snapshot:
    position = text(fields.get(keys.POSITION_FIELD.encode())) or START
    readings = tuple(
        unpack(packed[_FIXED_PART:])
        for name, packed in sorted(fields.items())
        if name != keys.POSITION_FIELD.encode()
    )
    return Snapshot(epoch, position, readings)
