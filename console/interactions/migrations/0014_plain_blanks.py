"""Takes only plain blanks around a number: of others, as U+2003, PostgreSQL's regular expressions
think that they are blanks, and its numbers think otherwise, so that the query failed."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("console.interactions.migrations.0009_audience_functions").NUMBER
NUMBER = r"""
CREATE OR REPLACE FUNCTION audience_number(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value ~ '^[ \t\n\r\f\v]*[+-]?[0-9]{1,25}(\.[0-9]{1,10})?[ \t\n\r\f\v]*$'
        THEN value::numeric END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("interactions", "0013_quick_moments")]

    operations = [
        migrations.RunSQL(
            NUMBER, BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        ),
    ]
