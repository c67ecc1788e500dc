"""Migrate a database and add a device key and two users.

`python -m digitaltwin.tests.support.prepared` prints JSON: `device_key`, and `sessions` with a
session key for each user name.
"""

import json
import sys

from django.apps import apps

from digitaltwin.conf.start import set_up

if not apps.ready:
    set_up()

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from sensors.access.device_keys import create_device_key
from sensors.tests.people import make_stranger, make_viewer


def main() -> None:
    call_command("migrate", verbosity=0)
    _, device_key = create_device_key(name="gateway", all_machines=True)
    sessions = {user.username: _session(user) for user in (make_viewer(), make_stranger())}
    sys.stdout.write(json.dumps({"device_key": device_key, "sessions": sessions}))


def _session(user: object) -> str:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client.cookies[settings.SESSION_COOKIE_NAME].value


if __name__ == "__main__":
    main()
