from django.db import migrations

from console.accounts.migrations._naming import name_key_sql, no_name_key_sql

TABLE = "webhooks_webhook"


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("accounts", "0005_names")]
    operations = [migrations.RunSQL(name_key_sql(TABLE), no_name_key_sql(TABLE))]
