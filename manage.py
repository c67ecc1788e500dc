#!/usr/bin/env python
"""Django's command line: `python manage.py up --demo` starts everything."""

import sys

from django.core.management import execute_from_command_line

from digitaltwin.conf.start import load_settings


def main() -> None:
    load_settings()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
