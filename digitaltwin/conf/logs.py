"""Structured logs: the platform's events and Django's records pass through one formatter."""

import logging
import logging.config
import re
from typing import Any

import structlog

_SECRETS = re.compile(r"(token=|Bearer\s+(?:dt_[^.\s]+\.)?)[^\s&\"']+")
_LOGGERS = {
    "django.server": {"handlers": [], "propagate": True},
    # Requests are logged by the platform's own events, which carry the request id.
    "django.request": {"level": "ERROR"},
    "httpx": {"level": "WARNING"},
    "uvicorn.access": {"level": "WARNING"},
    "daphne": {"level": "WARNING"},
}


def mask_secrets(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Mask tokens in every log event, including those of libraries."""
    return {
        key: _SECRETS.sub(r"\1***", value) if isinstance(value, str) else value
        for key, value in event.items()
    }


def configure(options: dict[str, str]) -> None:
    """Configure structlog and logging (LOGGING_CONFIG).

    `options` are the keys `level` and `format` (json or console).
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if options["format"] == "json"
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structlog": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        renderer,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": _LOGGERS,
        }
    )
