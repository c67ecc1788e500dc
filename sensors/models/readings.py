"""Readings, their conflicts, dead letters, and the positions of readers in the log.

Times of readings are microseconds since 1970 UTC (bigint).
"""

from django.db import models

from sensors.enums import Quality
from sensors.models.machines import Sensor

QUALITIES = [(quality.value, quality.word) for quality in Quality]


class Reading(models.Model):
    """A value of a sensor at a moment; only the history writer adds rows."""

    pk = models.CompositePrimaryKey("sensor_id", "measured_at")
    sensor = models.ForeignKey(
        Sensor, models.DO_NOTHING, related_name="readings", db_constraint=False, db_index=False
    )
    measured_at = models.BigIntegerField()
    received_at = models.BigIntegerField()
    value = models.FloatField(null=True)
    quality = models.SmallIntegerField(choices=QUALITIES, default=Quality.GOOD)
    late = models.BooleanField(default=False)
    metadata = models.TextField(blank=True, default="", help_text="JSON; empty for none.")

    class Meta:
        ordering = ["-measured_at"]

    def __str__(self) -> str:
        return f"{self.sensor_id} at {self.measured_at}: {self.value}"


class ConflictingReading(models.Model):
    """A reading refused because the history has another value for its sensor and time."""

    sensor = models.ForeignKey(Sensor, models.CASCADE, related_name="conflicts")
    measured_at = models.BigIntegerField()
    received_at = models.BigIntegerField()
    value = models.FloatField(null=True)
    quality = models.SmallIntegerField(choices=QUALITIES)
    stored_value = models.FloatField(null=True, help_text="The value that came first and is kept.")
    stored_quality = models.SmallIntegerField(choices=QUALITIES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.sensor_id} at {self.measured_at}: {self.value}, not {self.stored_value}"


class DeadLetter(models.Model):
    """An entry of the log that could not be decoded or stored, with the reason."""

    epoch = models.CharField(max_length=32)
    position = models.CharField(max_length=40)
    machine_id = models.CharField(max_length=64, blank=True)
    payload = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "reading that could not be stored"
        verbose_name_plural = "readings that could not be stored"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.machine_id} at {self.position}"


class ReaderPosition(models.Model):
    """The position of a reader in the log, saved in the transaction that writes its rows."""

    reader = models.CharField(max_length=20, primary_key=True)
    epoch = models.CharField(max_length=32)
    position = models.CharField(max_length=40)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.reader} at {self.position}"
