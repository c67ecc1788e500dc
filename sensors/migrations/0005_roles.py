"""The roles of docs/people.md as groups; each also has what those above it in the list have.

Django makes permissions only after all migrations, and would find the groups too late: the rows
that they need are made here, under the names that Django gives them and finds them by.
"""

from django.db import migrations

VIEW, ALL = ("view",), ("view", "add", "change", "delete")
ROLES = {
    "viewer": {"sensors.Machine": VIEW},
    "operator": {"sensors.Machine": ("operate",)},
    "engineer": {"sensors.Sensor": ALL, "sensors.SensorType": VIEW},
    "admin": {
        **dict.fromkeys(["sensors.Machine", "sensors.SensorType", "sensors.DeviceKey"], ALL),
        **dict.fromkeys(["sensors.ConflictingReading", "sensors.DeadLetter"], VIEW),
        "auth.User": ALL,
        "axes.AccessAttempt": ("view", "delete"),  # to see who is locked out, and to let him in
        "axes.AccessLog": VIEW,
    },
}


def permission(apps, model, action):
    options = apps.get_model(model)._meta
    kind, _ = apps.get_model("contenttypes.ContentType").objects.get_or_create(
        app_label=options.app_label, model=options.model_name
    )
    codename = f"{action}_{options.model_name}"
    name = dict(options.permissions).get(codename, f"Can {action} {options.verbose_name_raw}")
    return apps.get_model("auth.Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": name}
    )[0]


def add_roles(apps, schema_editor):
    granted = []
    for role, models in ROLES.items():
        granted += [permission(apps, model, one) for model in models for one in models[model]]
        group, _ = apps.get_model("auth.Group").objects.get_or_create(name=role)
        group.permissions.add(*granted)


def remove_roles(apps, schema_editor):
    apps.get_model("auth.Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("sensors", "0004_operate_machine"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("axes", "0010_accessattemptexpiration"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(add_roles, remove_roles)]
