"""Texts of the admin forms; nothing changes in the tables.

Permissions keep the name that their model had when they were made, so theirs are renamed here.
"""

from django.core.validators import RegexValidator
from django.db import migrations, models

OLD, NEW = "dead letter", "reading that could not be stored"
SLUG = RegexValidator(
    r"\A[a-z][a-z0-9_]{0,31}\Z", "Use lower-case letters, digits and _, beginning with a letter."
)


def name_permissions(apps, noun):
    permissions = apps.get_model("auth.Permission").objects
    for action in ("add", "change", "delete", "view"):
        permissions.filter(
            content_type__app_label="sensors", codename=f"{action}_deadletter"
        ).update(name=f"Can {action} {noun}")


def rename(apps, schema_editor):
    name_permissions(apps, NEW)


def restore(apps, schema_editor):
    name_permissions(apps, OLD)


class Migration(migrations.Migration):
    dependencies = [("sensors", "0005_roles")]
    operations = [
        migrations.AlterModelOptions(
            name="deadletter",
            options={
                "ordering": ["-created_at", "-id"],
                "verbose_name": NEW,
                "verbose_name_plural": "readings that could not be stored",
            },
        ),
        migrations.AlterField(
            model_name="conflictingreading",
            name="stored_value",
            field=models.FloatField(help_text="The value that came first and is kept.", null=True),
        ),
        migrations.AlterField(
            model_name="devicekey",
            name="all_machines",
            field=models.BooleanField(
                default=False, help_text="Valid for all machines, including future ones."
            ),
        ),
        migrations.AlterField(
            model_name="machine",
            name="active",
            field=models.BooleanField(
                default=True,
                help_text="A retired machine keeps its history; new readings are rejected.",
            ),
        ),
        migrations.AlterField(
            model_name="machine",
            name="kind",
            field=models.CharField(
                blank=True, help_text="For example mill, lathe or pump.", max_length=50
            ),
        ),
        migrations.AlterField(
            model_name="sensor",
            name="minimum",
            field=models.FloatField(
                blank=True, help_text="Leave empty to use the sensor type's range.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="sensor",
            name="stale_seconds",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Seconds without a reading until the sensor counts as stale.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="sensortype",
            name="slug",
            field=models.CharField(
                max_length=32,
                unique=True,
                validators=[SLUG],
                verbose_name="identifier (used in the API)",
            ),
        ),
        migrations.AlterField(
            model_name="sensortype",
            name="unit",
            field=models.CharField(help_text="UCUM code, for example Cel or mm/s.", max_length=20),
        ),
        migrations.RunPython(rename, restore),
    ]
