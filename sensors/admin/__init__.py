"""Django admin: machines and their sensors, device keys, and readings that were not stored.

Readings have no admin pages (composite key); machines link to their history.
"""

from sensors.admin.device_keys import DeviceKeyAdmin
from sensors.admin.machines import MachineAdmin, SensorAdmin, SensorTypeAdmin
from sensors.admin.records import ConflictingReadingAdmin, DeadLetterAdmin

__all__ = [
    "ConflictingReadingAdmin",
    "DeadLetterAdmin",
    "DeviceKeyAdmin",
    "MachineAdmin",
    "SensorAdmin",
    "SensorTypeAdmin",
]
