"""User tokens."""

from django.conf import settings
from django.db import models


class TokenVersion(models.Model):
    """Which of a user's tokens count: those of this version; without a row it is 0."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    version = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.version}"
