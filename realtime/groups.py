"""Names of the Channels groups, which take dots, no colons, and fewer than 100 characters."""

from sensors import messages

DASHBOARD = "dashboard"


def of(topic: str) -> str:
    """Return the group of a topic: of the dashboard, or of a machine by its id."""
    return DASHBOARD if topic == messages.DASHBOARD else machine(topic)


def machine(machine_id: str) -> str:
    return f"machine.{machine_id}"
