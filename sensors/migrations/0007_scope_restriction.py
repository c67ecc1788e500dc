"""The places that users and groups are restricted to; without rows everybody sees all."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("sensors", "0006_help_texts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScopeRestriction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("site", models.CharField(blank=True, max_length=100)),
                (
                    "area",
                    models.CharField(
                        blank=True, help_text="Empty for the whole site.", max_length=100
                    ),
                ),
                (
                    "line",
                    models.CharField(
                        blank=True, help_text="Empty for the whole area.", max_length=100
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scope_restrictions",
                        to="auth.group",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scope_restrictions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["site", "area", "line", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("group__isnull", True), ("user__isnull", False)),
                            models.Q(("group__isnull", False), ("user__isnull", True)),
                            _connector="OR",
                        ),
                        name="scope_restriction_of_user_or_group",
                        violation_error_message="Choose a user or a group, not both.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("area", ""), ("line", ""), ("site", ""), _negated=True),
                        name="scope_restriction_names_a_place",
                        violation_error_message="Name a site, an area or a line.",
                    ),
                    models.UniqueConstraint(
                        fields=("user", "site", "area", "line"),
                        name="one_restriction_of_user_to_place",
                    ),
                    models.UniqueConstraint(
                        fields=("group", "site", "area", "line"),
                        name="one_restriction_of_group_to_place",
                    ),
                ],
            },
        ),
    ]
