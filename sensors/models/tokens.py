"""User tokens."""

from django.conf import settings
from django.db import models


class TokenVersion(models.Model):
    """The version of a user's valid tokens; 0 without a row. A new version ends the old tokens."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    version = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.version}"
