"""Each kind of code in its room, checked by the words of the source (docs/architecture.md)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("digitaltwin", "realtime", "sensors")


def files_saying(pattern: str) -> set[str]:
    """The product's files (no tests, no migrations) with a line that matches."""
    return {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if not {"tests", "migrations"} & set(path.parts) and re.search(pattern, path.read_text())
    }


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        (r"\.group_send\(", {"realtime/broadcast/reader.py"}),
        (r"INTO sensors_reading\b|Reading\.objects\.\w*create", {"sensors/history/writer.py"}),
        (
            r"\.xadd\(|\.xread\(|\.xrange\(|\.hset\(|\.evalsha\(",
            {"sensors/store/log.py", "sensors/store/sync.py"},
        ),
        (r"def save\(", set()),
        (r"@receiver|post_save|pre_save", set()),
    ],
)
def test_thing_is_done_in_one_room(pattern: str, places: set[str]) -> None:
    assert files_saying(pattern) == places


def test_no_module_passes_three_hundred_lines() -> None:
    long = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "tests" not in path.parts
        and "migrations" not in path.parts
        and len(path.read_text().splitlines()) > 300
    }

    assert not long
