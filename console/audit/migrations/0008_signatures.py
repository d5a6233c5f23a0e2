from django.db import migrations, models

# The process that writes entries signs them (console.audit.signing): each call has the signature of
# all its entries. PostgreSQL can't verify it; it refuses what can never verify, so that a process
# without a key, or one that has seen another history, writes nothing.
APPEND = """
DROP FUNCTION audit_append(text, text, text, text[], text[], text[], text[], text[], text[], text[]);
CREATE FUNCTION audit_append(
    ats text[], actor_refs text[], actor_names text[], actions text[], kinds text[], refs text[],
    names text[], heads text[], datas text[], tails text[],
    signer text, stream text, batch bigint, after bigint, after_hash text, prev text,
    signature bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    begun bigint;
    number bigint;
    previous text;
    digest text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'An entry is written only in a transaction that sees the newest one.'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM pg_advisory_xact_lock(5495873993171927041);
    -- A statement of its own, which sees all that was committed before the lock was granted.
    SELECT e.seq, e.hash INTO number, previous FROM audit_auditentry e ORDER BY e.seq DESC LIMIT 1;
    number := coalesce(number, 0);
    begun := number;
    previous := coalesce(previous, repeat('0', 64));
    FOR i IN 1 .. cardinality(actions) LOOP
        number := number + 1;
        digest := encode(sha256(convert_to(
            heads[i] || datas[i] || ',"prev_hash":"' || previous || '","seq":' || number || tails[i],
            'UTF8')), 'hex');
        INSERT INTO audit_auditentry (seq, at, actor_ref, actor_name, action, target_kind,
            target_ref, target_name, data, prev_hash, hash)
        VALUES (number, ats[i]::timestamptz, actor_refs[i], actor_names[i], actions[i], kinds[i],
            refs[i], names[i], datas[i]::jsonb, previous, digest);
        previous := digest;
    END LOOP;
    IF signer <> '' THEN
        IF number - after >= 65536 OR (after > 0 AND NOT EXISTS (
            SELECT FROM audit_auditentry e WHERE e.seq = after AND e.hash = after_hash))
        THEN
            RAISE EXCEPTION 'These entries were signed after entry %, which is not a recent one here.',
                after USING ERRCODE = 'serialization_failure';
        END IF;
        IF batch > 1 AND NOT EXISTS (SELECT FROM audit_auditsignature s
            WHERE s.stream = audit_append.stream AND s.number = batch - 1)
        THEN
            RAISE EXCEPTION 'The batch before these entries is not here.'
                USING ERRCODE = 'serialization_failure';
        END IF;
        IF EXISTS (SELECT FROM audit_auditentry e WHERE e.action = 'audit.key_revoked'
            AND e.target_kind = 'key' AND e.target_ref = signer AND e.seq <= begun)
        THEN
            RAISE EXCEPTION 'The key % of this process was revoked.', signer
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        INSERT INTO audit_auditsignature (last, first, signer, stream, number, after, after_hash,
            prev, signature)
        VALUES (number, begun + 1, signer, stream, batch, after, after_hash, prev, signature);
    ELSIF EXISTS (SELECT FROM audit_auditcertificate) THEN
        RAISE EXCEPTION 'This process has no key to sign entries with, and others have. Set '
            'CONSOLE_PROCESS_KEY or CONSOLE_AUDIT_KEY.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN number;
END $$;

CREATE TRIGGER audit_certificate_kept BEFORE UPDATE OR DELETE ON audit_auditcertificate
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_certificate_not_emptied BEFORE TRUNCATE ON audit_auditcertificate
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
CREATE FUNCTION audit_refuse_unsealed_signature() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM audit_auditseal WHERE last >= OLD.last) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'What is in % is kept as it was written: % is refused.', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_signature_kept BEFORE UPDATE ON audit_auditsignature
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
CREATE TRIGGER audit_signature_stays BEFORE DELETE ON audit_auditsignature
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_unsealed_signature();
CREATE TRIGGER audit_signature_not_emptied BEFORE TRUNCATE ON audit_auditsignature
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
DROP TRIGGER audit_checkpoint_kept ON audit_auditcheckpoint;
CREATE TRIGGER audit_checkpoint_kept
    BEFORE UPDATE OF seq, hash, at, key_id, signature, signed_from, "foreign" OR DELETE ON audit_auditcheckpoint
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
"""
BEFORE = """
DROP TRIGGER audit_checkpoint_kept ON audit_auditcheckpoint;
CREATE TRIGGER audit_checkpoint_kept
    BEFORE UPDATE OF seq, hash, at, key_id, signature OR DELETE ON audit_auditcheckpoint
    FOR EACH ROW EXECUTE FUNCTION console_refuse();
DROP TRIGGER audit_signature_not_emptied ON audit_auditsignature;
DROP TRIGGER audit_signature_stays ON audit_auditsignature;
DROP TRIGGER audit_signature_kept ON audit_auditsignature;
DROP FUNCTION audit_refuse_unsealed_signature();
DROP TRIGGER audit_certificate_not_emptied ON audit_auditcertificate;
DROP TRIGGER audit_certificate_kept ON audit_auditcertificate;
DROP FUNCTION audit_append(text[], text[], text[], text[], text[], text[], text[], text[], text[],
    text[], text, text, bigint, bigint, text, text, bytea);
CREATE FUNCTION audit_append(
    at text, actor_ref text, actor_name text, actions text[], kinds text[], refs text[],
    names text[], heads text[], datas text[], tails text[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
    previous text;
    digest text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'An entry is written only in a transaction that sees the newest one.'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM pg_advisory_xact_lock(5495873993171927041);
    SELECT e.seq, e.hash INTO number, previous FROM audit_auditentry e ORDER BY e.seq DESC LIMIT 1;
    number := coalesce(number, 0);
    previous := coalesce(previous, repeat('0', 64));
    FOR i IN 1 .. cardinality(actions) LOOP
        number := number + 1;
        digest := encode(sha256(convert_to(
            heads[i] || datas[i] || ',"prev_hash":"' || previous || '","seq":' || number || tails[i],
            'UTF8')), 'hex');
        INSERT INTO audit_auditentry (seq, at, actor_ref, actor_name, action, target_kind,
            target_ref, target_name, data, prev_hash, hash)
        VALUES (number, at::timestamptz, actor_ref, actor_name, actions[i], kinds[i],
            refs[i], names[i], datas[i]::jsonb, previous, digest);
        previous := digest;
    END LOOP;
    RETURN number;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0007_by_action'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditCertificate',
            fields=[
                ('id', models.CharField(max_length=16, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=44)),
                ('name', models.CharField(max_length=100)),
                ('begin', models.CharField(db_column='from', max_length=27)),
                ('end', models.CharField(db_column='to', max_length=27)),
                ('key_id', models.CharField(max_length=16)),
                ('signature', models.CharField(max_length=88)),
            ],
            options={
                'ordering': ['begin', 'id'],
            },
        ),
        migrations.CreateModel(
            name='AuditSignature',
            fields=[
                ('last', models.BigIntegerField(primary_key=True, serialize=False)),
                ('first', models.BigIntegerField()),
                ('signer', models.CharField(max_length=16)),
                ('stream', models.CharField(max_length=16)),
                ('number', models.BigIntegerField()),
                ('after', models.BigIntegerField()),
                ('after_hash', models.CharField(max_length=64)),
                ('prev', models.CharField(max_length=64)),
                ('signature', models.BinaryField()),
            ],
            options={
                'ordering': ['last'],
            },
        ),
        migrations.AddConstraint(
            model_name='auditsignature',
            constraint=models.UniqueConstraint(fields=('stream', 'number'), name='audit_stream'),
        ),
        migrations.CreateModel(
            name='AuditRefusal',
            fields=[
                ('seq', models.BigIntegerField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ['seq'],
            },
        ),
        migrations.AddField(
            model_name='auditcheckpoint',
            name='signed_from',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='auditcheckpoint',
            name='foreign',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.RunSQL(APPEND, BEFORE),
    ]
