"""Reads most times of user data without a subtransaction for each."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("console.interactions.migrations.0009_audience_functions").MOMENT
# What every month has can't fail; all else may, as 2026-02-30, and is no time then.
MOMENT = r"""
CREATE OR REPLACE FUNCTION audience_moment(value text, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF value ~ '^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)?$'
    THEN
        RETURN value::timestamp AT TIME ZONE zone;
    END IF;
    IF value !~ '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?\s*$'
    THEN
        RETURN NULL;
    END IF;
    BEGIN
        IF value ~ '(Z|[T ][0-9:.]+[+-][0-9:]+)\s*$' THEN
            RETURN value::timestamptz;
        END IF;
        RETURN value::timestamp AT TIME ZONE zone;
    EXCEPTION WHEN data_exception THEN
        RETURN NULL;
    END;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("interactions", "0012_saved_views")]

    operations = [
        migrations.RunSQL(
            MOMENT, BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        ),
    ]
