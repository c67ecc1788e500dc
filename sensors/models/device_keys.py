"""Device keys."""

from django.db import models

from sensors.models.machines import Machine


class DeviceKey(models.Model):
    """A key of devices, `dt_<prefix>.<secret>`; only a hash of the secret is stored."""

    name = models.CharField(max_length=100, unique=True)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(
        max_length=64, editable=False, help_text="HMAC-SHA-256 of the secret under SECRET_KEY."
    )
    all_machines = models.BooleanField(
        default=False, help_text="Valid for all machines, including future ones."
    )
    machines = models.ManyToManyField(Machine, blank=True, related_name="device_keys")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} (dt_{self.prefix})"
