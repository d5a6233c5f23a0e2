from django.db import migrations

# Entries are chained where they are stored, so that the chain's lock is never held while a client
# computes. The bytes that are hashed are those of console.audit.chain: the client sends the parts
# before `data`, `data`, and after `seq`; only the number and the hash before are not known to it.
APPEND = """
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
    -- A statement of its own, which sees all that was committed before the lock was granted.
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
FORGET = "DROP FUNCTION audit_append(text, text, text, text[], text[], text[], text[], text[], text[], text[])"


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0005_seals'),
    ]

    operations = [
        migrations.RunSQL(APPEND, FORGET),
    ]
