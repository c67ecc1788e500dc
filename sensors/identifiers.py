"""Names of machines and sensors: their only patterns, each about the whole text."""

import re

# The widest form; MACHINE_ID_PATTERN can only narrow it, and only for readings from devices.
MACHINE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# A sensor's name is the slug of its type, optionally followed by a dot and a position.
TYPE_SLUG = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
POSITION = re.compile(r"[a-z0-9_]{1,31}", re.ASCII)
SENSOR_NAME = re.compile(rf"{TYPE_SLUG.pattern}(?:\.{POSITION.pattern})?", re.ASCII)


def is_machine_id(text: object) -> bool:
    """Return whether the database may be asked for a machine of this name."""
    return isinstance(text, str) and MACHINE_ID.fullmatch(text) is not None


def is_sensor_name(text: str) -> bool:
    """Return whether the text is a type's slug, with or without a position."""
    return SENSOR_NAME.fullmatch(text) is not None
