"""Scopes of people: the places that a user or a group is restricted to."""

from django.conf import settings
from django.db import models
from django.db.models import Q

# Each row belongs to a user or to a group, never to both.
_ONE_HOLDER = Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False)


class ScopeRestriction(models.Model):
    """A site, an area or a line that a user, or every member of a group, may see.

    The rows of a user and of all his groups add up. Without any of them he sees all machines.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="scope_restrictions",
    )
    group = models.ForeignKey(
        "auth.Group", models.CASCADE, null=True, blank=True, related_name="scope_restrictions"
    )
    site = models.CharField(max_length=100, blank=True)
    area = models.CharField(max_length=100, blank=True, help_text="Empty for the whole site.")
    line = models.CharField(max_length=100, blank=True, help_text="Empty for the whole area.")

    class Meta:
        ordering = ["site", "area", "line", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=_ONE_HOLDER,
                name="scope_restriction_of_user_or_group",
                violation_error_message="Choose a user or a group, not both.",
            ),
            models.CheckConstraint(
                condition=~Q(site="", area="", line=""),
                name="scope_restriction_names_a_place",
                violation_error_message="Name a site, an area or a line.",
            ),
            models.UniqueConstraint(
                fields=["user", "site", "area", "line"], name="one_restriction_of_user_to_place"
            ),
            models.UniqueConstraint(
                fields=["group", "site", "area", "line"], name="one_restriction_of_group_to_place"
            ),
        ]

    def __str__(self) -> str:
        place = " / ".join(level for level in (self.site, self.area, self.line) if level)
        return f"{self.user or self.group}: {place}"
