"""To which chat a delivery goes, and of which send it is, never changes: whoever approves a large
send approves its chats."""

from django.db import migrations

KEEP = """
CREATE TRIGGER delivery_target_kept BEFORE UPDATE OF send_id, interaction_id ON sends_delivery
    FOR EACH ROW
    WHEN ((OLD.send_id, OLD.interaction_id) IS DISTINCT FROM (NEW.send_id, NEW.interaction_id))
    EXECUTE FUNCTION console_refuse();
CREATE TRIGGER delivery_target_kept BEFORE UPDATE OF send_id, interaction_id
    ON sends_delivery_at_rest FOR EACH ROW
    WHEN ((OLD.send_id, OLD.interaction_id) IS DISTINCT FROM (NEW.send_id, NEW.interaction_id))
    EXECUTE FUNCTION console_refuse();
"""
ALLOW = """
DROP TRIGGER delivery_target_kept ON sends_delivery;
DROP TRIGGER delivery_target_kept ON sends_delivery_at_rest;
"""


class Migration(migrations.Migration):
    dependencies = [("sends", "0043_spans_of_time"), ("audit", "0004_kept")]
    operations = [migrations.RunSQL(KEEP, ALLOW)]
