"""What is known and kept: machines, sensors, keys, readings, and the books of their readers."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import sensors.enums


class CreatePartitionedModel(migrations.CreateModel):
    """On PostgreSQL a table of range partitions by measured time; the writer makes the months."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.sql_create_table += " PARTITION BY RANGE (measured_at)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.__dict__.pop("sql_create_table", None)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("epoch", models.CharField(max_length=32)),
                ("position", models.CharField(max_length=40)),
                ("machine_id", models.CharField(blank=True, max_length=64)),
                ("payload", models.TextField()),
                ("reason", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ReaderPosition",
            fields=[
                ("reader", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("epoch", models.CharField(max_length=32)),
                ("position", models.CharField(max_length=40)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="Machine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "machine_id",
                    models.CharField(
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9._-]{1,64}\\Z",
                                "Use 1 to 64 of the characters A-Z a-z 0-9 . _ and -.",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=100)),
                (
                    "kind",
                    models.CharField(
                        blank=True, help_text="Such as mill, lathe, pump.", max_length=50
                    ),
                ),
                ("site", models.CharField(blank=True, max_length=100)),
                ("area", models.CharField(blank=True, max_length=100)),
                ("line", models.CharField(blank=True, max_length=100)),
                (
                    "active",
                    models.BooleanField(
                        default=True,
                        help_text="A retired machine keeps its history and takes no readings.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["machine_id"],
                "indexes": [models.Index(fields=["changed_at"], name="machine_changed_at")],
            },
        ),
        migrations.CreateModel(
            name="DeviceKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("prefix", models.CharField(editable=False, max_length=16, unique=True)),
                (
                    "secret_hash",
                    models.CharField(
                        editable=False,
                        help_text="HMAC-SHA-256 of the secret under SECRET_KEY.",
                        max_length=64,
                    ),
                ),
                (
                    "all_machines",
                    models.BooleanField(
                        default=False,
                        help_text="Speaks for every machine, also for those made later.",
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "machines",
                    models.ManyToManyField(
                        blank=True, related_name="device_keys", to="sensors.machine"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Sensor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "position",
                    models.CharField(
                        blank=True,
                        max_length=31,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9_]{1,31}\\Z",
                                "Use 1 to 31 lower-case letters, digits and _.",
                            )
                        ],
                    ),
                ),
                (
                    "minimum",
                    models.FloatField(
                        blank=True,
                        help_text="This sensor's own range; empty takes its type's.",
                        null=True,
                    ),
                ),
                ("maximum", models.FloatField(blank=True, null=True)),
                (
                    "stale_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Stale after so many seconds without a reading.",
                        null=True,
                    ),
                ),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "machine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sensors",
                        to="sensors.machine",
                    ),
                ),
            ],
            options={
                "ordering": ["machine_id", "sensor_type_id", "position"],
            },
        ),
        CreatePartitionedModel(
            name="Reading",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "sensor_id",
                        "measured_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("measured_at", models.BigIntegerField()),
                ("received_at", models.BigIntegerField()),
                ("value", models.FloatField(null=True)),
                (
                    "quality",
                    models.SmallIntegerField(
                        choices=[(0, "good"), (1, "uncertain"), (2, "bad")],
                        default=sensors.enums.Quality["GOOD"],
                    ),
                ),
                ("late", models.BooleanField(default=False)),
                (
                    "metadata",
                    models.TextField(blank=True, default="", help_text="JSON; empty for none."),
                ),
                (
                    "sensor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="readings",
                        to="sensors.sensor",
                    ),
                ),
            ],
            options={
                "ordering": ["-measured_at"],
            },
        ),
        migrations.CreateModel(
            name="ConflictingReading",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("measured_at", models.BigIntegerField()),
                ("received_at", models.BigIntegerField()),
                ("value", models.FloatField(null=True)),
                (
                    "quality",
                    models.SmallIntegerField(choices=[(0, "good"), (1, "uncertain"), (2, "bad")]),
                ),
                (
                    "stored_value",
                    models.FloatField(help_text="The first value; it stays.", null=True),
                ),
                (
                    "stored_quality",
                    models.SmallIntegerField(choices=[(0, "good"), (1, "uncertain"), (2, "bad")]),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "sensor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conflicts",
                        to="sensors.sensor",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="SensorType",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "slug",
                    models.CharField(
                        max_length=32,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z][a-z0-9_]{0,31}\\Z",
                                "Use lower-case letters, digits and _, beginning with a letter.",
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=50)),
                (
                    "unit",
                    models.CharField(help_text="A UCUM code, such as Cel or mm/s.", max_length=20),
                ),
                ("minimum", models.FloatField()),
                ("maximum", models.FloatField()),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["slug"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("minimum__lt", models.F("maximum"))),
                        name="sensor_type_range_is_not_empty",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="sensor",
            name="sensor_type",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sensors",
                to="sensors.sensortype",
            ),
        ),
        migrations.AddIndex(
            model_name="sensor",
            index=models.Index(fields=["changed_at"], name="sensor_changed_at"),
        ),
        migrations.AddConstraint(
            model_name="sensor",
            constraint=models.UniqueConstraint(
                fields=("machine", "sensor_type", "position"), name="one_sensor_of_a_type_and_place"
            ),
        ),
    ]
