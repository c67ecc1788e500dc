"""Every setting: read, typed, documented, and refused with one sentence when malformed."""

import io
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digitaltwin.conf.environment import (
    MIN_SECRET_LENGTH,
    NAMES_OF_OTHER_PROGRAMS,
    BadSetting,
    env,
    make_secret_key,
)
from digitaltwin.tests.support.servers import ROOT, environment

GOOD_SECRET = "k7Qm2xV9pLr4TzWc8NdYb5HsJf3Ga6Eu"

# Every setting, in the order of docs/settings.md.
NAMES = [
    "DEBUG",
    "SECRET_KEY",
    "DATA_DIR",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "HTTPS",
    "TRUSTED_PROXIES",
    "DATABASE_URL",
    "DATABASE_POOL_SIZE",
    "REDIS_URL",
    "REDIS_POOL_SIZE",
    "ALLOW_VOLATILE_LOG",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "CORS_ALLOWED_ORIGINS",
    "TIME_ZONE",
    "MACHINE_ID_PATTERN",
    "AUTO_REGISTER_MACHINES",
    "MAX_FUTURE_SECONDS",
    "MAX_AGE_DAYS",
    "MAX_BODY_BYTES",
    "MAX_BATCH",
    "MAX_IN_FLIGHT",
    "MAX_LOG_ENTRIES",
    "RATE_LIMIT",
    "DEFAULT_STALE_SECONDS",
    "FRAMES_PER_SECOND",
    "DASHBOARD_FRAMES_PER_SECOND",
    "HEARTBEAT_SECONDS",
    "RECENT_SECONDS",
    "RAW_RETENTION_DAYS",
    "ROLLUP_RETENTION_DAYS",
    "ACCESS_TOKEN_MINUTES",
    "API_DOCS",
    "ENABLE_METRICS",
    "METRICS_TOKEN",
    "DRAIN_SECONDS",
]


def settings_with(**values: str) -> dict[str, Any]:
    """Read settings.py as a process with these environment variables does."""
    os.environ.update(values)
    return runpy.run_path(str(ROOT / "digitaltwin" / "settings.py"))


@pytest.fixture(autouse=True)
def only_defaults(tmp_path: Path) -> Iterator[None]:
    """Unset every setting but a key and an empty data folder; restore them after the test."""
    before = dict(os.environ)
    for name in NAMES:
        os.environ.pop(name, None)
    os.environ.update(SECRET_KEY=GOOD_SECRET, DATA_DIR=str(tmp_path / "data"))
    yield
    os.environ.clear()
    os.environ.update(before)


# Values

BOOLEANS = [
    "DEBUG",
    "HTTPS",
    "ALLOW_VOLATILE_LOG",
    "AUTO_REGISTER_MACHINES",
    "API_DOCS",
    "ENABLE_METRICS",
]
LEAST = {
    "DATABASE_POOL_SIZE": 2,
    "REDIS_POOL_SIZE": 4,
    "MAX_FUTURE_SECONDS": 0,
    "MAX_AGE_DAYS": 1,
    "MAX_BODY_BYTES": 1024,
    "MAX_BATCH": 1,
    "MAX_IN_FLIGHT": 1,
    "MAX_LOG_ENTRIES": 1,
    "DEFAULT_STALE_SECONDS": 1,
    "FRAMES_PER_SECOND": 1,
    "DASHBOARD_FRAMES_PER_SECOND": 1,
    "HEARTBEAT_SECONDS": 1,
    "RECENT_SECONDS": 10,
    "RAW_RETENTION_DAYS": 1,
    "ROLLUP_RETENTION_DAYS": 1,
    "ACCESS_TOKEN_MINUTES": 1,
    "DRAIN_SECONDS": 0,
}
MOST = dict.fromkeys(LEAST, 1_000_000_000) | {"DRAIN_SECONDS": 9}
SECRET = f"SECRET_KEY must be a random string of at least {MIN_SECRET_LENGTH} characters."
ORIGIN = "must be origins such as https://plant.example:8443, got"
HOST = "must be names or addresses such as plant.example or [::1], without scheme and port, got"
REDIS = (
    "REDIS_URL must look like redis://host:6379/0, rediss://host:6379/0 or unix:///path/of/socket."
)
DATABASE = (
    "DATABASE_URL must look like postgres://user:password@host:5432/name "
    "or sqlite:////path/of/file."
)
RATE = "RATE_LIMIT must look like 6000/60 (requests/seconds) or be empty, got"
BAD = [
    *((name, "perhaps", f"{name} must be true or false, got 'perhaps'.") for name in BOOLEANS),
    *(
        (name, bad, f"{name} must be a whole number from {least} to {MOST[name]}, got {bad!r}.")
        for name, least in LEAST.items()
        for bad in (str(least - 1), str(MOST[name] + 1), "1.5", "many", "１２")
    ),
    *(("SECRET_KEY", bad, SECRET) for bad in ("short", "a" * 50, "change-me-" * 5)),
    ("SECRET_KEY", "django-insecure-x(8&k2m!q#v9^w4@z7%p5*t3", SECRET),
    ("DATA_DIR", __file__, f"DATA_DIR must be a folder, but {__file__} is a file."),
    ("ALLOWED_HOSTS", "ok.example,http://x", f"ALLOWED_HOSTS {HOST} 'http://x'."),
    ("ALLOWED_HOSTS", "x:8000", f"ALLOWED_HOSTS {HOST} 'x:8000'."),
    *(
        (name, bad, f"{name} {ORIGIN} {bad!r}.")
        for name in ("CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS")
        for bad in ("plant.example", "*", "https://plant.example/", "ftp://plant.example")
    ),
    (
        "TRUSTED_PROXIES",
        "10.0.0.300",
        "TRUSTED_PROXIES must be addresses or networks such as 10.0.0.0/8: "
        "'10.0.0.300' does not appear to be an IPv4 or IPv6 network.",
    ),
    *(("DATABASE_URL", bad, DATABASE) for bad in ("mysql://u:secret@h/n", "postgres://h", "x")),
    *(("REDIS_URL", bad, REDIS) for bad in ("http://:secret@h", "redis://h/zero", "redis://h:x")),
    (
        "LOG_LEVEL",
        "LOUD",
        "LOG_LEVEL must be one of DEBUG, ERROR, INFO, WARNING, got 'LOUD'.",
    ),
    ("LOG_FORMAT", "xml", "LOG_FORMAT must be one of console, json, got 'xml'."),
    (
        "TIME_ZONE",
        "Mars/Base",
        "TIME_ZONE must be a time zone such as Europe/Berlin, got 'Mars/Base'.",
    ),
    (
        "MACHINE_ID_PATTERN",
        "[A-Z",
        "MACHINE_ID_PATTERN must be a regular expression, got '[A-Z': "
        "unterminated character set at position 0.",
    ),
    *(("RATE_LIMIT", bad, f"{RATE} {bad!r}.") for bad in ("6000", "0/60", "6000/0", "6000 / 60")),
    ("METRICS_TOKEN", "two words", "METRICS_TOKEN must be ASCII text without spaces."),
]


@pytest.mark.parametrize(("name", "bad", "sentence"), BAD)
def test_bad_value_is_refused_with_a_sentence(name: str, bad: str, sentence: str) -> None:
    with pytest.raises(BadSetting) as caught:
        settings_with(**{name: bad})

    assert str(caught.value) == sentence


def test_every_setting_has_a_bad_value_in_the_table() -> None:
    assert {name for name, _, _ in BAD} == set(NAMES)


GOOD = [
    ("DEBUG", "yes", True),
    ("HTTPS", "", False),
    ("MAX_BATCH", " 7 ", 7),
    ("MAX_BATCH", "", 1000),
    ("MAX_AGE_DAYS", "", None),
    ("MAX_AGE_DAYS", "30", 30),
    ("RATE_LIMIT", "10/1", (10, 1)),
    ("RATE_LIMIT", "", None),
    ("ALLOWED_HOSTS", "plant.example, [::1]", ["plant.example", "[::1]"]),
    ("CSRF_TRUSTED_ORIGINS", "https://*.plant.example", ["https://*.plant.example"]),
    ("TIME_ZONE", "Europe/Berlin", "Europe/Berlin"),
    ("REDIS_URL", "rediss://u:p@redis.example:6380/2", "rediss://u:p@redis.example:6380/2"),
    ("SECRET_KEY", "k" * 28 + "7Qm2xV9p", "k" * 28 + "7Qm2xV9p"),
]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_good_value_is_typed(name: str, text: str, value: object) -> None:
    assert settings_with(**{name: text})[name] == value


def test_empty_value_is_the_default() -> None:
    empty = dict.fromkeys(set(NAMES) - {"SECRET_KEY", "DATA_DIR", "RATE_LIMIT"}, "")

    defaults, read = settings_with(), settings_with(**empty)

    assert {name: read[name] for name in empty if name in read} == {
        name: defaults[name] for name in empty if name in defaults
    }


def test_api_docs_are_on_with_debug() -> None:
    assert settings_with(DEBUG="true")["API_DOCS"] is True
    assert settings_with(DEBUG="true", API_DOCS="false")["API_DOCS"] is False


# The secret key


def test_secret_key_comes_from_the_file_that_was_made(tmp_path: Path) -> None:
    del os.environ["SECRET_KEY"]
    make_secret_key(tmp_path)

    secret = settings_with(DATA_DIR=str(tmp_path))["SECRET_KEY"]

    assert secret == (tmp_path / "secret_key").read_text()
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_bad_secret_key_in_the_file_is_refused(tmp_path: Path) -> None:
    del os.environ["SECRET_KEY"]
    (tmp_path / "secret_key").write_text("short")

    with pytest.raises(BadSetting, match="SECRET_KEY must be"):
        settings_with(DATA_DIR=str(tmp_path))


def test_without_a_secret_key_nobody_else_has_ours() -> None:
    del os.environ["SECRET_KEY"]

    assert settings_with()["SECRET_KEY"] != settings_with()["SECRET_KEY"]


# `.env`


def dotenv(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / ".env"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(path)


def test_dotenv_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = dotenv(tmp_path, "# ours", "", "MAX_BATCH=5", "export MAX_IN_FLIGHT='6'", "DEVICE_KEY=x")

    read = settings_with(ENV_FILE=file, MAX_BATCH="7")

    assert (read["MAX_BATCH"], read["MAX_IN_FLIGHT"]) == (7, 6)


@pytest.mark.parametrize("line", ["MAX_BATHC=5", "max_batch=5", "INSTALLED_APPS=x"])
def test_unknown_name_in_dotenv_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadSetting) as caught:
        settings_with(ENV_FILE=dotenv(tmp_path, line))

    name = line.partition("=")[0]
    assert str(caught.value) == f".env sets {name}, which is not a setting."


@pytest.mark.parametrize("line", ["MAX_BATCH", "MAX_BATCH = 5", " MAX_BATCH=5", "SECRET_KEY: x"])
def test_malformed_line_in_dotenv_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadSetting) as caught:
        settings_with(ENV_FILE=dotenv(tmp_path, "# ours", line))

    assert str(caught.value) == (
        ".env, line 2: expected NAME=value or # and a comment, "
        "without spaces before them or around the =."
    )


def test_bad_value_in_dotenv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="MAX_BATCH must be"):
        settings_with(ENV_FILE=dotenv(tmp_path, "MAX_BATCH=x"))


# Documents


def example() -> dict[str, str]:
    """Map each name to its default, from `.env.example`."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))


def table(path: str) -> dict[str, str]:
    """Map each name to its default, from a Markdown table; one row may name several settings."""
    text = (ROOT / path).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \| (.*?) \|", text, re.MULTILINE)
    return {name: cell for names, cell in rows for name in re.findall(r"[A-Z_]+", names)}


def test_settings_are_those_listed_here() -> None:
    settings_with()

    assert env.names - NAMES_OF_OTHER_PROGRAMS == set(NAMES)


def test_example_shows_every_setting_with_its_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # no terminal
    del os.environ["DATA_DIR"]
    shown = [f"{name}={value}" for name, value in example().items() if name != "SECRET_KEY"]

    defaults = settings_with()
    written = settings_with(ENV_FILE=dotenv(tmp_path, *shown))

    assert set(example()) - NAMES_OF_OTHER_PROGRAMS == set(NAMES)
    assert {name: written[name] for name in NAMES if name in written} == {
        name: defaults[name] for name in NAMES if name in defaults
    }
    assert written["DATABASES"] == defaults["DATABASES"]


def test_document_shows_every_setting_with_its_default() -> None:
    shown = table("docs/settings.md")

    assert list(shown) == NAMES
    for name, default in example().items():
        if name in NAMES_OF_OTHER_PROGRAMS:
            continue
        if default:
            assert shown[name] == f"`{default}`", name
        else:
            assert shown[name]
            assert shown[name][0] != "`", name


def test_tables_of_documents_name_settings_that_exist() -> None:
    documents = ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

    named = {document: set(table(document)) for document in documents}

    assert named["docs/deployment.md"]
    for document, names in named.items():
        assert names <= set(NAMES), document


# Whole processes


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "up", "--port", "0"],
        ["manage.py", "work"],
        ["manage.py", "simulate"],
        ["manage.py", "runserver", "0"],
        ["-m", "digitaltwin.server", "--port", "0"],
    ],
    ids=" ".join,
)
def test_bad_setting_ends_every_command_with_its_sentence(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *command],
        env=environment(MAX_BATCH="x"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == "MAX_BATCH must be a whole number from 1 to 1000000000, got 'x'.\n"
