"""Ids of chats are compared byte for byte, in every table that has them."""

from django.db import migrations, models

# A column that a trigger names can't change; the trigger comes back as it was.
WITHOUT_TRIGGER = """
CREATE TEMP TABLE triggers_of_ids ON COMMIT DROP AS
    SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger
    WHERE tgrelid = 'sends_delivery'::regclass AND tgname = 'ended_delivery_kept';
DROP TRIGGER ended_delivery_kept ON sends_delivery;
"""
WITH_TRIGGER = """
DO $$ BEGIN EXECUTE (SELECT definition FROM triggers_of_ids); END $$;
DROP TABLE triggers_of_ids;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('interactions', '0014_plain_blanks'),
        ('sends', '0032_unconfirmed'),
    ]

    operations = [
        migrations.RunSQL(WITHOUT_TRIGGER, WITH_TRIGGER),
        migrations.AlterField(
            model_name='interaction',
            name='id',
            field=models.CharField(db_collation='C', max_length=64, primary_key=True, serialize=False),
        ),
        migrations.RunSQL(WITH_TRIGGER, WITHOUT_TRIGGER),
    ]
