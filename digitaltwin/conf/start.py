"""First step of every process: load the settings, or print the error in one sentence."""

import os
import sys

import django
from django.conf import settings

from digitaltwin.conf.environment import BadSetting


def load_settings() -> None:
    """Read the settings; a malformed one ends the process with its sentence and exit code 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digitaltwin.settings")
    try:
        _ = settings.INSTALLED_APPS
    except BadSetting as exc:
        sys.exit(str(exc))


def set_up() -> None:
    """Load settings and apps for a module that runs as a process without `manage.py`."""
    load_settings()
    django.setup()
