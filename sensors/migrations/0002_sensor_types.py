"""The types shipped; admins add more."""

from django.db import migrations

TYPES = [
    ("temperature", "Temperature", "Cel", -50, 200),
    ("pressure", "Pressure", "bar", 0, 500),
    ("humidity", "Humidity", "%", 0, 100),
    ("speed", "Speed", "rpm", 0, 1000),
    ("vibration", "Vibration", "mm/s", -1000, 1000),
    ("acceleration", "Acceleration", "g", 0, 1000),
    ("current", "Current", "A", 0, 10_000),
    ("voltage", "Voltage", "V", 0, 100_000),
    ("flow", "Flow", "L/min", 0, 100_000),
]


def add_types(apps, schema_editor):
    SensorType = apps.get_model("sensors", "SensorType")
    for slug, name, unit, minimum, maximum in TYPES:
        SensorType.objects.get_or_create(
            slug=slug,
            defaults={"name": name, "unit": unit, "minimum": minimum, "maximum": maximum},
        )


def remove_types(apps, schema_editor):
    SensorType = apps.get_model("sensors", "SensorType")
    SensorType.objects.filter(slug__in=[row[0] for row in TYPES], sensors=None).delete()


class Migration(migrations.Migration):
    dependencies = [("sensors", "0001_initial")]
    operations = [migrations.RunPython(add_types, remove_types)]
