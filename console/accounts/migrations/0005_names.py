from django.db import migrations

from console.accounts.migrations._naming import folding_sql, name_key_sql, no_name_key_sql

NO_FOLDING = """
DROP FUNCTION console_name_key();
DROP FUNCTION console_read_once(text[]);
DROP FUNCTION console_folded_each(text[]);
DROP FUNCTION console_folded(text);
"""
TABLES = ("accounts_team", "accounts_apiclient")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_own_work")]
    operations = [
        migrations.RunSQL(folding_sql(), NO_FOLDING),
        *(migrations.RunSQL(name_key_sql(table), no_name_key_sql(table)) for table in TABLES),
    ]
