"""Machines, sensor types and sensors."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from sensors.identifiers import MACHINE_ID, POSITION, TYPE_SLUG

# A migration holds the text of these patterns.
machine_id_validator = RegexValidator(
    rf"\A{MACHINE_ID.pattern}\Z", "Use 1 to 64 of the characters A-Z a-z 0-9 . _ and -."
)
slug_validator = RegexValidator(
    rf"\A{TYPE_SLUG.pattern}\Z", "Use lower-case letters, digits and _, beginning with a letter."
)
position_validator = RegexValidator(
    rf"\A{POSITION.pattern}\Z", "Use 1 to 31 lower-case letters, digits and _."
)


class Machine(models.Model):
    """A machine of the plant, with its place in the equipment hierarchy of ISA-95."""

    machine_id = models.CharField(max_length=64, unique=True, validators=[machine_id_validator])
    name = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=50, blank=True, help_text="For example mill, lathe or pump.")
    site = models.CharField(max_length=100, blank=True)
    area = models.CharField(max_length=100, blank=True)
    line = models.CharField(max_length=100, blank=True)
    active = models.BooleanField(
        default=True, help_text="A retired machine keeps its history; new readings are rejected."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["machine_id"]
        indexes = [models.Index(fields=["changed_at"], name="machine_changed_at")]
        # The right of operators (docs/people.md); alarms will ask for it.
        permissions = [("operate_machine", "Can acknowledge, shelve and comment on alarms")]

    def __str__(self) -> str:
        return self.machine_id


class SensorType(models.Model):
    """A registered quantity with its unit (UCUM code) and physical range."""

    slug = models.CharField(
        "identifier (used in the API)", max_length=32, unique=True, validators=[slug_validator]
    )
    name = models.CharField(max_length=50)
    unit = models.CharField(max_length=20, help_text="UCUM code, for example Cel or mm/s.")
    minimum = models.FloatField()
    maximum = models.FloatField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum__lt=F("maximum")), name="sensor_type_range_is_not_empty"
            )
        ]

    def __str__(self) -> str:
        return self.slug


def sensor_name(slug: str, position: str) -> str:
    """Return a sensor's name for devices: its type's slug and, after a dot, the position."""
    return f"{slug}.{position}" if position else slug


class Sensor(models.Model):
    """A SensorType on a Machine, optionally at a position (`vibration.drive_end`)."""

    machine = models.ForeignKey(Machine, models.PROTECT, related_name="sensors")
    sensor_type = models.ForeignKey(SensorType, models.PROTECT, related_name="sensors")
    position = models.CharField(max_length=31, blank=True, validators=[position_validator])
    minimum = models.FloatField(
        null=True, blank=True, help_text="Leave empty to use the sensor type's range."
    )
    maximum = models.FloatField(null=True, blank=True)
    stale_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Seconds without a reading until the sensor counts as stale.",
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["machine_id", "sensor_type_id", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["machine", "sensor_type", "position"], name="one_sensor_of_a_type_and_place"
            )
        ]
        indexes = [models.Index(fields=["changed_at"], name="sensor_changed_at")]

    def __str__(self) -> str:
        return f"{self.machine} {self.name}"

    @property
    def name(self) -> str:
        return sensor_name(self.sensor_type.slug, self.position)

    def clean(self) -> None:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low >= high:
            raise ValidationError({"maximum": "The maximum must be above the minimum."})
