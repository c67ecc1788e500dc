"""The file `.env`: settings for people who do not set environment variables."""

import os
import re
from collections.abc import Collection
from pathlib import Path

import environ

from digitaltwin.conf.environment import BadSetting

# A line that django-environ reads; it ignores any other line without a message.
_ASSIGNMENT = re.compile(r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)=.*")


def dotenv(folder: Path) -> Path:
    """Return the path of `.env` in this folder, or the path in ENV_FILE (tests: an empty file)."""
    return Path(os.environ.get("ENV_FILE", folder / ".env"))


def read_dotenv(path: Path) -> None:
    """Read `.env` if it exists; environment variables take precedence."""
    if _assigned_names(path):
        environ.Env.read_env(str(path))


def refuse_unknown_names(path: Path, known: Collection[str]) -> None:
    """Raise BadSetting when `.env` sets a name that is not a setting, such as a typing error."""
    for name in _assigned_names(path):
        if name not in known:
            raise BadSetting(f"{path.name} sets {name}, which is not a setting.")


def _assigned_names(path: Path) -> list[str]:
    """List the names that the file sets. Raises BadSetting for a malformed line."""
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSetting(f"{path.name} cannot be read: {exc}.") from exc
    names = []
    for number, line in enumerate(lines, start=1):
        if match := _ASSIGNMENT.fullmatch(line):
            names.append(match[1])
        elif line and not line.startswith("#"):
            # The line is not shown: it may hold a secret.
            raise BadSetting(
                f"{path.name}, line {number}: expected NAME=value or # and a comment, "
                "without spaces before them or around the =."
            )
    return names
