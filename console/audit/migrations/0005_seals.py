from django.db import migrations, models

# Entries can be deleted only with a seal that names their file. A seal is accepted only if it follows
# the previous one, ends with an entry that a checkpoint covers, and all its entries are older than a
# month. It can't be changed or deleted. Everything else is refused as before.
REFUSE = """
CREATE FUNCTION audit_require_standing_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sealed RECORD;
BEGIN
    SELECT coalesce(max(last), 0) AS last INTO sealed FROM audit_auditseal;
    IF NEW.first <> sealed.last + 1 THEN
        RAISE EXCEPTION 'A seal begins with the first entry that is in no archive, %.',
            sealed.last + 1 USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM audit_auditentry e JOIN audit_auditcheckpoint c ON c.seq = e.seq
        WHERE e.seq = NEW.last AND e.hash = NEW.hash AND c.hash = NEW.hash) THEN
        RAISE EXCEPTION 'A seal ends with an entry for which a checkpoint vouches; % is none.',
            NEW.last USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM audit_auditentry WHERE seq > NEW.last) THEN
        RAISE EXCEPTION 'The newest entry stays here: the next one follows it.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM audit_auditentry WHERE seq = NEW.first AND prev_hash = NEW.before) THEN
        RAISE EXCEPTION 'A seal begins with the hash that entry % follows.', NEW.first
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM audit_auditentry
        WHERE seq = NEW.last AND at > now() - interval '28 days') THEN
        RAISE EXCEPTION 'Entry % is younger than a month, and stays here.', NEW.last
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_seal_stands BEFORE INSERT ON audit_auditseal
    FOR EACH ROW EXECUTE FUNCTION audit_require_standing_seal();
CREATE TRIGGER audit_seal_kept BEFORE UPDATE OR DELETE ON audit_auditseal
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_seal_not_emptied BEFORE TRUNCATE ON audit_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();

CREATE FUNCTION audit_refuse_unsealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM audit_auditseal WHERE last >= OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'What is in % is kept as it was written: % is refused.', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER audit_entry_kept ON audit_auditentry;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_unsealed();
"""
ALLOW = """
DROP TRIGGER audit_entry_stays ON audit_auditentry;
DROP TRIGGER audit_entry_kept ON audit_auditentry;
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
DROP FUNCTION audit_refuse_unsealed();
DROP TRIGGER audit_seal_not_emptied ON audit_auditseal;
DROP TRIGGER audit_seal_kept ON audit_auditseal;
DROP TRIGGER audit_seal_stands ON audit_auditseal;
DROP FUNCTION audit_require_standing_seal();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0004_kept'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('last', models.BigIntegerField(primary_key=True, serialize=False)),
                ('first', models.BigIntegerField()),
                ('before', models.CharField(max_length=64)),
                ('hash', models.CharField(max_length=64)),
                ('file', models.CharField(max_length=255)),
                ('sha256', models.CharField(max_length=64)),
                ('at', models.CharField(max_length=27)),
                ('key_id', models.CharField(max_length=16)),
                ('signature', models.CharField(max_length=88)),
            ],
            options={
                'ordering': ['last'],
            },
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
