"""A kind of log entries that only tests have, and how a process learns it."""

import msgspec
import pytest

from realtime import protocol
from realtime.protocol import Update
from sensors import messages
from sensors.messages import LogEntry, pack_items

NOTE = "test_note"
UNKNOWN = "of_a_newer_version"


class NoteItem(msgspec.Struct, frozen=True):
    """The item of the test's kind."""

    text: str


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the kind to this process, as a later version would."""
    monkeypatch.setitem(messages.KINDS, NOTE, NoteItem)
    update = Update("test_update", lambda notes, _: {"notes": [note.text for note in notes]})
    monkeypatch.setitem(protocol.UPDATES, NOTE, update)


def note_payload(*texts: str) -> bytes:
    return pack_items([NoteItem(text) for text in texts])


def make_note(position: str, *texts: str, previous: str, machine_id: str = "CNC-001") -> LogEntry:
    return LogEntry(position, NOTE, previous, machine_id, 1, note_payload(*texts))


def make_unknown(position: str, *, previous: str, machine_id: str = "CNC-001") -> LogEntry:
    return LogEntry(position, UNKNOWN, previous, machine_id, 1, b"\x00 whatever")


def notes_in(text: str) -> list[str]:
    """Return the texts of a message's notes, in order."""
    notes: list[str] = msgspec.json.decode(text)["data"]["notes"]
    return notes
