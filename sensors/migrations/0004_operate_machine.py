from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sensors", "0003_token_version")]
    operations = [
        migrations.AlterModelOptions(
            name="machine",
            options={
                "ordering": ["machine_id"],
                "permissions": [
                    ("operate_machine", "Can acknowledge, shelve and comment on alarms")
                ],
            },
        ),
    ]
