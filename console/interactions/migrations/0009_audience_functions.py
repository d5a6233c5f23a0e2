"""Functions by which the audience language compares user data, which are texts."""

from django.db import migrations

NUMBER = r"""
CREATE FUNCTION audience_number(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value ~ '^\s*[+-]?[0-9]{1,25}(\.[0-9]{1,10})?\s*$' THEN value::numeric END
$$
"""

# A day that does not exist, as 2026-02-30, is no time.
MOMENT = r"""
CREATE FUNCTION audience_moment(value text, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF value !~ '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?\s*$'
    THEN
        RETURN NULL;
    END IF;
    IF value ~ '(Z|[T ][0-9:.]+[+-][0-9:]+)\s*$' THEN
        RETURN value::timestamptz;
    END IF;
    RETURN value::timestamp AT TIME ZONE zone;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("interactions", "0008_former_names")]

    operations = [
        migrations.RunSQL(NUMBER, "DROP FUNCTION audience_number(text)"),
        migrations.RunSQL(MOMENT, "DROP FUNCTION audience_moment(text, text)"),
    ]
