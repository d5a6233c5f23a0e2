"""A retry that is called off or skipped gives its chat back what it tried again; and nobody decides
on what they or their API clients have written or started."""

from django.db import migrations

GIVE_BACK = """
CREATE FUNCTION incidents_give_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE incidents_stagetarget SET delivery_id = OLD.retry_of_id WHERE delivery_id = OLD.id;
    RETURN NEW;
END $$;

CREATE TRIGGER stage_target_given_back AFTER UPDATE OF retry_of_id ON sends_delivery
    FOR EACH ROW WHEN (OLD.retry_of_id IS NOT NULL AND NEW.retry_of_id IS NULL)
    EXECUTE FUNCTION incidents_give_back();
"""
KEEP = """
DROP TRIGGER stage_target_given_back ON sends_delivery;
DROP FUNCTION incidents_give_back();
"""
REFUSE = """
CREATE TRIGGER playbook_not_own_work AFTER UPDATE OF reviewer_ref ON incidents_playbookversion
    FOR EACH ROW WHEN (NEW.reviewer_ref <> '' AND NEW.reviewer_ref <> OLD.reviewer_ref)
    EXECUTE FUNCTION console_refuse_own_work('author_ref', 'reviewer_ref');
CREATE TRIGGER incident_not_own_work AFTER UPDATE OF confirmed_by_ref ON incidents_incident
    FOR EACH ROW WHEN (NEW.confirmed_by_ref <> '' AND NEW.confirmed_by_ref <> OLD.confirmed_by_ref)
    EXECUTE FUNCTION console_refuse_own_work('actor_ref', 'confirmed_by_ref');
"""
ALLOW = """
DROP TRIGGER incident_not_own_work ON incidents_incident;
DROP TRIGGER playbook_not_own_work ON incidents_playbookversion;
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_fixed"), ("sends", "0032_unconfirmed")]

    operations = [migrations.RunSQL(GIVE_BACK, KEEP), migrations.RunSQL(REFUSE, ALLOW)]
