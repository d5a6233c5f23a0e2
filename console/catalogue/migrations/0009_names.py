from django.db import migrations

from console.accounts.migrations._naming import name_key_sql, no_name_key_sql

PRESETS, CATEGORIES = "catalogue_visibilitypreset", "catalogue_category"
# Of a notice's tags that read the same, the first stays. Searches use the folded form.
TAGS = """
UPDATE catalogue_cannednotice SET tags = ARRAY(
    SELECT (array_agg(tag ORDER BY place))[1]
    FROM unnest(tags) WITH ORDINALITY AS each(tag, place)
    GROUP BY console_folded(tag) ORDER BY min(place))
WHERE NOT console_read_once(tags::text[]);
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE catalogue_cannednotice ADD CONSTRAINT tags_read_as_one
    CHECK (console_read_once(tags::text[]));
CREATE INDEX notice_by_read_tag ON catalogue_cannednotice
    USING gin (console_folded_each(tags::text[]));
"""
NO_TAGS = """
DROP INDEX notice_by_read_tag;
ALTER TABLE catalogue_cannednotice DROP CONSTRAINT tags_read_as_one;
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0008_own_work_of_clients"), ("accounts", "0005_names")]
    operations = [
        migrations.RunSQL(name_key_sql(PRESETS), no_name_key_sql(PRESETS)),
        migrations.RunSQL(
            name_key_sql(CATEGORIES, within="parent_id"), no_name_key_sql(CATEGORIES)
        ),
        migrations.RunSQL(TAGS, NO_TAGS),
    ]
