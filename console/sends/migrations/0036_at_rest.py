"""Deliveries that are over lie packed in a table of their own, which PostgreSQL reads with the
other (docs/history.md)."""

import django.db.models.deletion
from django.db import migrations, models

# Every row of it is over, so PostgreSQL does not look here for what is open.
AT_REST = """
CREATE TABLE sends_delivery_at_rest (
    CONSTRAINT delivery_at_rest_is_over
        CHECK (status IN ('delivered', 'failed', 'skipped', 'cancelled'))
) INHERITS (sends_delivery) WITH (fillfactor = 100);
ALTER TABLE sends_delivery_at_rest ADD PRIMARY KEY (id);
ALTER TABLE sends_delivery_at_rest ADD CONSTRAINT one_delivery_at_rest_a_target
    UNIQUE (send_id, interaction_id);
ALTER TABLE sends_delivery_at_rest ADD CONSTRAINT delivery_at_rest_send_fk
    FOREIGN KEY (send_id) REFERENCES sends_send (id) DEFERRABLE INITIALLY DEFERRED;
CREATE UNIQUE INDEX one_retry_a_delivery_at_rest ON sends_delivery_at_rest (retry_of_id)
    WHERE retry_of_id IS NOT NULL;
CREATE INDEX delivery_at_rest_by_interaction ON sends_delivery_at_rest (interaction_id, id DESC);

CREATE FUNCTION sends_refuse_unless_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_kept boolean;
BEGIN
    IF TG_TABLE_NAME = 'sends_delivery' THEN
        SELECT ROW(twin.*) IS NOT DISTINCT FROM ROW(OLD.*) INTO is_kept
        FROM sends_delivery_at_rest twin WHERE twin.id = OLD.id;
    ELSE
        SELECT ROW(twin.*) IS NOT DISTINCT FROM ROW(OLD.*) INTO is_kept
        FROM ONLY sends_delivery twin WHERE twin.id = OLD.id;
    END IF;
    IF is_kept IS NOT TRUE THEN
        RAISE EXCEPTION 'What is in % is kept as it was written: % is refused.',
            TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;

DROP TRIGGER ended_delivery_stays ON sends_delivery;
CREATE TRIGGER ended_delivery_stays BEFORE DELETE ON sends_delivery
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION sends_refuse_unless_kept();
CREATE TRIGGER ended_delivery_stays BEFORE DELETE ON sends_delivery_at_rest
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION sends_refuse_unless_kept();
CREATE TRIGGER deliveries_not_emptied BEFORE TRUNCATE ON sends_delivery_at_rest
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
DO $$ BEGIN EXECUTE (
    SELECT regexp_replace(pg_get_triggerdef(oid), ' ON \\S+ ', ' ON sends_delivery_at_rest ')
    FROM pg_trigger
    WHERE tgrelid = 'sends_delivery'::regclass AND tgname = 'ended_delivery_kept');
END $$;
"""
TOGETHER = """
ALTER TABLE sends_delivery_at_rest DISABLE TRIGGER USER;
INSERT INTO sends_delivery SELECT * FROM sends_delivery_at_rest;
DROP TABLE sends_delivery_at_rest;
DROP TRIGGER ended_delivery_stays ON sends_delivery;
DROP FUNCTION sends_refuse_unless_kept();
CREATE TRIGGER ended_delivery_stays BEFORE DELETE ON sends_delivery
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION console_refuse();
"""
# A live chat has no deliveries at rest. The lock is the mover's while it moves those of chats that
# are not known (console.sends.history.resting).
COME_BACK = """
CREATE FUNCTION sends_bring_back(chats text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    back bigint[];
BEGIN
    SELECT array_agg(theirs.id) INTO back
    FROM unnest(chats) AS chat(id)
    CROSS JOIN LATERAL (
        SELECT id FROM sends_delivery_at_rest WHERE interaction_id = chat.id OFFSET 0) theirs;
    IF back IS NOT NULL THEN
        INSERT INTO sends_delivery SELECT * FROM sends_delivery_at_rest WHERE id = ANY(back);
        DELETE FROM sends_delivery_at_rest WHERE id = ANY(back);
    END IF;
END $$;

CREATE FUNCTION sends_bring_back_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM come WHERE ended_at IS NULL) THEN
        PERFORM pg_advisory_xact_lock_shared(20039, 0);
        PERFORM sends_bring_back(ARRAY(SELECT id FROM come WHERE ended_at IS NULL));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_of_new_chats AFTER INSERT ON interactions_interaction
    REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION sends_bring_back_new();

CREATE FUNCTION sends_bring_back_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sends_bring_back(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_of_revived_chat AFTER UPDATE ON interactions_interaction
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL)
    EXECUTE FUNCTION sends_bring_back_one();
"""
STAY = """
DROP TRIGGER deliveries_of_revived_chat ON interactions_interaction;
DROP TRIGGER deliveries_of_new_chats ON interactions_interaction;
DROP FUNCTION sends_bring_back_one();
DROP FUNCTION sends_bring_back_new();
DROP FUNCTION sends_bring_back(text[]);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('interactions', '0015_ids_by_byte'),
        ('sends', '0035_sends_to_search'),
        ('incidents', '0003_retries'),
    ]

    operations = [
        migrations.AddField(
            model_name='send',
            name='is_at_rest',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='retry_of',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='retries', to='sends.delivery'),
        ),
        migrations.RunSQL(AT_REST, TOGETHER),
        migrations.RunSQL(COME_BACK, STAY),
    ]
