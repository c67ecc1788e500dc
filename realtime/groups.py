"""Names of the Channels groups; they take dots, never colons, and fewer than 100 characters."""

DASHBOARD = "dashboard"


def machine(machine_id: str) -> str:
    return f"machine.{machine_id}"
