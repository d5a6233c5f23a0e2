from django.db import migrations

from console.accounts.migrations._naming import name_key_sql, no_name_key_sql

TABLE = "interactions_chatserver"


class Migration(migrations.Migration):
    dependencies = [("interactions", "0005_polling"), ("accounts", "0005_names")]
    operations = [migrations.RunSQL(name_key_sql(TABLE), no_name_key_sql(TABLE))]
