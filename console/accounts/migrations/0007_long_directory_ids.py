from django.db import migrations


class Migration(migrations.Migration):
    """Allow 255 characters for a directory's permanent id.

    django-allauth's model allows 191, and its setting (SOCIALACCOUNT_UID_MAX_LENGTH) changes only
    its migrations, not the model.
    """

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
