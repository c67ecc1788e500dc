"""docker-compose.yml and Dockerfile, read as a container engine reads them."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_ENV = re.compile(r"^ENV (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^CMD (\[.+\])$", re.MULTILINE)
_RUN = re.compile(r"^RUN ((?:.*\\\n)*.*)$", re.MULTILINE)
_HEALTH_CHECK = re.compile(r"^HEALTHCHECK .*\\\n +CMD (\[.+\])$", re.MULTILINE)

Service = dict[str, Any]


@dataclass(frozen=True)
class Image:
    """Environment and commands of a container, from the last stage of the Dockerfile."""

    environment: dict[str, str]
    command: list[str]
    health_check: list[str]


def read_image(path: Path) -> Image:
    stage = path.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    settings = [word.partition("=") for line in _ENV.findall(stage) for word in shlex.split(line)]
    [command], [health_check] = _COMMAND.findall(stage), _HEALTH_CHECK.findall(stage)
    return Image(
        environment={name: value for name, _, value in settings},
        command=json.loads(command),
        health_check=json.loads(health_check),
    )


def build_steps(path: Path, stage: str) -> list[str]:
    """List the shell lines of a stage's RUN instructions."""
    text = path.read_text(encoding="utf-8").partition(f" AS {stage}\n")[2].partition("\nFROM ")[0]
    return _RUN.findall(text)


def read_services(path: Path, given: Mapping[str, str]) -> dict[str, Service]:
    """Read the services, each after the services that it depends on.

    `${NAME}`, `${NAME:-default}` and `${NAME:?message}` are filled from `given`. Raises KeyError
    with the message.
    """
    content = _filled(yaml.safe_load(path.read_text(encoding="utf-8")), given)
    services: dict[str, Service] = content["services"]
    ordered: dict[str, Service] = {}

    def add(name: str) -> None:
        for needed in services[name].get("depends_on", {}):
            add(needed)
        ordered[name] = services[name]

    for name in services:
        add(name)
    return ordered


def one_shots(services: Mapping[str, Service]) -> set[str]:
    """Collect the services that run once and must complete before others start."""
    return {
        name
        for service in services.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, given) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, given) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match, given), value)
    return value


def _variable(match: re.Match[str], given: Mapping[str, str]) -> str:
    name, kind, text = match.groups()
    if value := given.get(name):
        return value
    if kind == "?":
        raise KeyError(f"{name}: {text}")
    return text or ""
