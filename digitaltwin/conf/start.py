"""The first step of every process of ours: the settings, or one sentence why not."""

import os
import sys

import django
from django.conf import settings

from digitaltwin.conf.environment import BadSetting


def load_settings() -> None:
    """Read the settings; a bad one ends the process with its sentence and exit code 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digitaltwin.settings")
    try:
        _ = settings.INSTALLED_APPS
    except BadSetting as exc:
        sys.exit(str(exc))


def set_up() -> None:
    """What `manage.py` does for its commands, for a module that is a process of its own."""
    load_settings()
    django.setup()
