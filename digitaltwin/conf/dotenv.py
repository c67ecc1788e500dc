"""The file `.env`: settings for whoever would rather not set an environment."""

import os
import re
from collections.abc import Collection
from pathlib import Path

import environ

from digitaltwin.conf.environment import BadSetting

# What django-environ reads; it passes over any other line in silence.
_LINE = re.compile(r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)=.*")


def dotenv(folder: Path) -> Path:
    """`.env` of this folder; ENV_FILE names another one (the tests: none)."""
    return Path(os.environ.get("ENV_FILE", folder / ".env"))


def read_dotenv(path: Path) -> None:
    """Read `.env` if it is there; the environment wins over it."""
    if _names(path):
        environ.Env.read_env(str(path))


def refuse_unknown_names(path: Path, known: Collection[str]) -> None:
    """Stop the start when `.env` names a setting that does not exist (a typing error)."""
    for name in _names(path):
        if name not in known:
            raise BadSetting(f"{path.name} sets {name}, which is not a setting.")


def _names(path: Path) -> list[str]:
    """The names that it sets. Raises BadSetting for a line that sets nothing."""
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSetting(f"{path.name} cannot be read: {exc}.") from exc
    names = []
    for number, line in enumerate(lines, start=1):
        if match := _LINE.fullmatch(line):
            names.append(match[1])
        elif line and not line.startswith("#"):
            # The line is not shown: it may hold a secret.
            raise BadSetting(
                f"{path.name}, line {number}: expected NAME=value or # and a comment, "
                "without spaces before them or around the =."
            )
    return names
