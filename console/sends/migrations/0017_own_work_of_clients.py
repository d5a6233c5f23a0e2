from django.db import migrations

REFUSE = """
CREATE TRIGGER send_not_own_work AFTER UPDATE OF approved_by_ref ON sends_send
    FOR EACH ROW WHEN (NEW.approved_by_ref <> '' AND NEW.approved_by_ref <> OLD.approved_by_ref)
    EXECUTE FUNCTION console_refuse_own_work('actor_ref', 'approved_by_ref');
"""
ALLOW = "DROP TRIGGER send_not_own_work ON sends_send;"


class Migration(migrations.Migration):
    dependencies = [("sends", "0016_nickname_source"), ("accounts", "0004_own_work")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
