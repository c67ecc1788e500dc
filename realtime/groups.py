"""Names of the Channels groups, which take dots, no colons, and fewer than 100 characters."""

from sensors.messages import scope_key_of

DASHBOARD = "dashboard"


def of(topic: str) -> str:
    """Return the group of a topic: of a machine by its id, or of a dashboard by its scope's key."""
    scope_key = scope_key_of(topic)
    if scope_key is None:
        return machine(topic)
    return f"{DASHBOARD}.{scope_key}" if scope_key else DASHBOARD


def machine(machine_id: str) -> str:
    return f"machine.{machine_id}"
