"""The answers of a closed incident may be erased; nothing else of it changes."""

from django.db import migrations

FINAL = """
DROP TRIGGER closed_incident_is_final ON incidents_incident;
CREATE TRIGGER closed_incident_is_final
    BEFORE UPDATE ON incidents_incident FOR EACH ROW
    WHEN (OLD.status = 'closed' AND (
        NEW.answers <> '{}' OR to_jsonb(NEW) - 'answers' <> to_jsonb(OLD) - 'answers'))
    EXECUTE FUNCTION incidents_refuse_change();
"""
BEFORE = """
DROP TRIGGER closed_incident_is_final ON incidents_incident;
CREATE TRIGGER closed_incident_is_final
    BEFORE UPDATE ON incidents_incident FOR EACH ROW
    WHEN (OLD.status = 'closed')
    EXECUTE FUNCTION incidents_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_retries")]

    operations = [migrations.RunSQL(FINAL, BEFORE)]
