from django.db import migrations

# A text may be erased, with the name and the salt, so that its digest in the ledger reveals
# nothing; nothing else of an ended delivery changes.
REFUSE = """
CREATE TRIGGER ended_delivery_kept BEFORE UPDATE ON sends_delivery
    FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL AND (
        (OLD.send_id, OLD.interaction_id, OLD.locale, OLD.method, OLD.chat_server_name, OLD.status,
         OLD.reason, OLD.attempts, OLD.created_at, OLD.attempted_at, OLD.finished_at,
         OLD.reference_id, OLD.fault_code, OLD.fault_text, OLD.answer, OLD.retry_of_id)
        IS DISTINCT FROM
        (NEW.send_id, NEW.interaction_id, NEW.locale, NEW.method, NEW.chat_server_name, NEW.status,
         NEW.reason, NEW.attempts, NEW.created_at, NEW.attempted_at, NEW.finished_at,
         NEW.reference_id, NEW.fault_code, NEW.fault_text, NEW.answer, NEW.retry_of_id)
        OR NEW.body NOT IN ('', OLD.body) OR NEW.body_salt NOT IN ('', OLD.body_salt)
        OR NEW.customer_name NOT IN ('', OLD.customer_name)))
    EXECUTE FUNCTION console_refuse();
CREATE TRIGGER ended_delivery_stays BEFORE DELETE ON sends_delivery
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION console_refuse();
CREATE TRIGGER deliveries_not_emptied BEFORE TRUNCATE ON sends_delivery
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
"""
ALLOW = """
DROP TRIGGER ended_delivery_kept ON sends_delivery;
DROP TRIGGER ended_delivery_stays ON sends_delivery;
DROP TRIGGER deliveries_not_emptied ON sends_delivery;
"""


class Migration(migrations.Migration):
    dependencies = [("sends", "0003_operations"), ("audit", "0004_kept")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
