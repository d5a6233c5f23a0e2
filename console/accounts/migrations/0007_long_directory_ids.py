from django.db import migrations


class Migration(migrations.Migration):
    """A directory's permanent id may have 255 characters; django-allauth has room for 191, and its
    setting for that (SOCIALACCOUNT_UID_MAX_LENGTH) changes its migrations alone, not its model."""

    dependencies = [
        ("accounts", "0006_shared_counts"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE socialaccount_socialaccount ALTER COLUMN uid TYPE varchar(255)",
            migrations.RunSQL.noop,
        ),
    ]
