from django.db import migrations

# The person who took a client's newest token becomes its owner. If the ledger does not name one, or
# names an operator, the client has no owner and acts as itself. No client gets a scope by this:
# decisions that needed `catalogue` now need `approve`, which no client has yet.
OWNERS = r"""
UPDATE accounts_apiclient client SET owner_id = person.id
FROM (
    SELECT DISTINCT ON (target_ref) target_ref, actor_ref FROM audit_auditentry
    WHERE target_kind = 'api_client'
        AND action IN ('api_client.created', 'api_client.token_rotated')
    ORDER BY target_ref, seq DESC) took
JOIN accounts_user person ON took.actor_ref = 'user:' || person.id
WHERE took.target_ref = client.id::text;
SET CONSTRAINTS ALL IMMEDIATE;
"""

# Returns the person behind a reference: for a client, its owner if it has one.
PERSONS = r"""
CREATE FUNCTION console_person(ref text) RETURNS text LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT coalesce((
        SELECT 'user:' || owner_id FROM accounts_apiclient
        WHERE owner_id IS NOT NULL
            AND id = CASE WHEN ref ~ '^client:[0-9]{1,18}$' THEN substr(ref, 8)::bigint END), ref)
$$;

CREATE FUNCTION console_refuse_own_work() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    work text := to_jsonb(NEW) ->> TG_ARGV[0];
    decision text := to_jsonb(NEW) ->> TG_ARGV[1];
BEGIN
    IF console_person(work) = console_person(decision) THEN
        RAISE EXCEPTION 'Nobody decides on their own work, nor on that of an API client of theirs.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
NO_PERSONS = """
DROP FUNCTION console_refuse_own_work();
DROP FUNCTION console_person(text);
"""

# A client's owner never changes. What it may send or write has been confirmed by somebody other than
# its owner and the proposer. An operator of the machine needs no confirmation.
CLIENTS = """
CREATE TRIGGER api_client_owner_stays BEFORE UPDATE OF id, owner_id ON accounts_apiclient
    FOR EACH ROW WHEN ((OLD.id, OLD.owner_id) IS DISTINCT FROM (NEW.id, NEW.owner_id))
    EXECUTE FUNCTION console_refuse();
CREATE TRIGGER api_client_kept BEFORE DELETE ON accounts_apiclient
    FOR EACH ROW EXECUTE FUNCTION console_refuse();

CREATE FUNCTION accounts_refuse_unconfirmed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    needs CONSTANT text[] := ARRAY['send', 'catalogue', 'approve'];
    before text[] := CASE WHEN TG_OP = 'UPDATE' THEN OLD.scopes::text[] ELSE '{}' END;
    added text[] := ARRAY(SELECT unnest(NEW.scopes::text[]) INTERSECT SELECT unnest(needs)
        EXCEPT SELECT unnest(before));
    widened boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        widened := 'send' = ANY(before) AND 'send' = ANY(NEW.scopes)
            AND cardinality(OLD.allowed_notices) > 0
            AND (cardinality(NEW.allowed_notices) = 0
                OR NOT NEW.allowed_notices <@ OLD.allowed_notices);
    END IF;
    IF cardinality(added) = 0 AND NOT widened THEN
        RETURN NEW;
    END IF;
    IF NEW.confirmed_by_ref LIKE 'system:%'
        AND (TG_OP = 'INSERT' OR NEW.confirmed_at IS DISTINCT FROM OLD.confirmed_at) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.confirmed_by_ref <> ''
        AND NEW.confirmed_at IS DISTINCT FROM OLD.confirmed_at
        AND added <@ OLD.pending_scopes::text[]
        AND NOT (widened AND NEW.allowed_notices IS DISTINCT FROM OLD.pending_notices)
        AND console_person(NEW.confirmed_by_ref) <> console_person(OLD.proposed_by_ref)
        AND console_person(NEW.confirmed_by_ref) <> coalesce('user:' || NEW.owner_id, '') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'What an API client may send or write is proposed by one administrator, and '
        'confirmed by another who does not own it.' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER api_client_confirmed
    BEFORE INSERT OR UPDATE OF scopes, allowed_notices ON accounts_apiclient
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_unconfirmed();

CREATE TRIGGER api_client_proposer_stays
    BEFORE UPDATE OF proposed_by_ref, proposed_by_name, proposed_at ON accounts_apiclient
    FOR EACH ROW WHEN (
        (OLD.proposed_by_ref, OLD.proposed_by_name, OLD.proposed_at)
            IS DISTINCT FROM (NEW.proposed_by_ref, NEW.proposed_by_name, NEW.proposed_at)
        AND (OLD.pending_scopes, OLD.pending_notices)
            IS NOT DISTINCT FROM (NEW.pending_scopes, NEW.pending_notices))
    EXECUTE FUNCTION console_refuse();
"""
NO_CLIENTS = """
DROP TRIGGER api_client_owner_stays ON accounts_apiclient;
DROP TRIGGER api_client_kept ON accounts_apiclient;
DROP TRIGGER api_client_confirmed ON accounts_apiclient;
DROP TRIGGER api_client_proposer_stays ON accounts_apiclient;
DROP FUNCTION accounts_refuse_unconfirmed();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_owners"), ("audit", "0005_seals")]
    operations = [
        migrations.RunSQL(OWNERS, migrations.RunSQL.noop),
        migrations.RunSQL(PERSONS, NO_PERSONS),
        migrations.RunSQL(CLIENTS, NO_CLIENTS),
    ]
