from django.db import migrations

# Who made a send, and for what, never changes. A send begins unapproved; one that awaits approval
# leaves only when approved; one that is over stays so. So the check "nobody approves their own
# send" can't be evaded by first changing what it compares.
REFUSE = """
CREATE FUNCTION sends_refuse_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A send that awaits approval leaves when somebody else has approved it, and '
        'one that is over stays so: to make it % is refused.', NEW.status
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER send_request_kept BEFORE UPDATE ON sends_send FOR EACH ROW
    WHEN ((OLD.actor_ref, OLD.actor_name, OLD.version_id, OLD.visibility, OLD.nickname, OLD.target,
         OLD.why, OLD.created_at, OLD.target_count, OLD.ready_count,
         OLD.idempotency_key, OLD.request_digest, OLD.retry_of_id)
        IS DISTINCT FROM
        (NEW.actor_ref, NEW.actor_name, NEW.version_id, NEW.visibility, NEW.nickname, NEW.target,
         NEW.why, NEW.created_at, NEW.target_count, NEW.ready_count,
         NEW.idempotency_key, NEW.request_digest, NEW.retry_of_id))
    EXECUTE FUNCTION console_refuse();

CREATE TRIGGER send_begins_unapproved BEFORE INSERT ON sends_send FOR EACH ROW
    WHEN (NEW.approved_by_ref <> '' OR NEW.approved_at IS NOT NULL)
    EXECUTE FUNCTION sends_refuse_step();

CREATE TRIGGER send_status_goes_on
    BEFORE UPDATE OF status, approved_by_ref, approved_by_name, approved_at ON sends_send
    FOR EACH ROW
    WHEN (
        OLD.status IN ('finished', 'cancelled') AND NEW.status <> OLD.status
        OR OLD.status = 'awaiting_approval' AND NEW.approved_by_ref = ''
            AND NEW.status NOT IN ('awaiting_approval', 'cancelled')
        OR (OLD.approved_by_ref, OLD.approved_by_name, OLD.approved_at)
            IS DISTINCT FROM (NEW.approved_by_ref, NEW.approved_by_name, NEW.approved_at)
            AND NOT (OLD.status = 'awaiting_approval' AND OLD.approved_by_ref = ''
                AND NEW.status IN ('scheduled', 'running'))
            AND NOT (NEW.status = 'awaiting_approval' AND NEW.approved_by_ref = ''))
    EXECUTE FUNCTION sends_refuse_step();
"""
ALLOW = """
DROP TRIGGER send_request_kept ON sends_send;
DROP TRIGGER send_begins_unapproved ON sends_send;
DROP TRIGGER send_status_goes_on ON sends_send;
DROP FUNCTION sends_refuse_step();
"""


class Migration(migrations.Migration):
    dependencies = [("sends", "0005_outcomes_of_sends"), ("audit", "0004_kept")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
