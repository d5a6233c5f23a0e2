"""PostgreSQL keeps what was submitted, and whom a stage has reached."""

from django.db import migrations

FIXED = """
CREATE FUNCTION incidents_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of playbooks and incidents is final: % is refused.', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER playbook_version_content_fixed
    BEFORE UPDATE ON incidents_playbookversion FOR EACH ROW
    WHEN (OLD.status <> 'draft' AND
        (OLD.playbook_id, OLD.number, OLD.audience, OLD.stages, OLD.is_for_emergency,
            OLD.change_note, OLD.author_ref, OLD.author_name, OLD.submitted_at)
        IS DISTINCT FROM
        (NEW.playbook_id, NEW.number, NEW.audience, NEW.stages, NEW.is_for_emergency,
            NEW.change_note, NEW.author_ref, NEW.author_name, NEW.submitted_at))
    EXECUTE FUNCTION incidents_refuse_change();

CREATE TRIGGER playbook_version_status_goes_on
    BEFORE UPDATE ON incidents_playbookversion FOR EACH ROW
    WHEN (
        (NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
            ('draft', 'in_review'), ('in_review', 'published'), ('in_review', 'rejected'),
            ('published', 'superseded')))
        OR (NEW.status = OLD.status OR OLD.status <> 'in_review')
            AND (OLD.reviewer_ref, OLD.reviewer_name, OLD.reviewed_at, OLD.reject_reason)
            IS DISTINCT FROM
            (NEW.reviewer_ref, NEW.reviewer_name, NEW.reviewed_at, NEW.reject_reason))
    EXECUTE FUNCTION incidents_refuse_change();

CREATE TRIGGER playbook_version_stays
    BEFORE DELETE ON incidents_playbookversion FOR EACH ROW
    WHEN (OLD.status <> 'draft')
    EXECUTE FUNCTION incidents_refuse_change();

CREATE TRIGGER incident_stays
    BEFORE DELETE ON incidents_incident FOR EACH ROW
    EXECUTE FUNCTION incidents_refuse_change();

CREATE TRIGGER closed_incident_is_final
    BEFORE UPDATE ON incidents_incident FOR EACH ROW
    WHEN (OLD.status = 'closed')
    EXECUTE FUNCTION incidents_refuse_change();

CREATE TRIGGER stage_target_stays
    BEFORE DELETE ON incidents_stagetarget FOR EACH ROW
    EXECUTE FUNCTION incidents_refuse_change();
"""
FREE = """
DROP TRIGGER stage_target_stays ON incidents_stagetarget;
DROP TRIGGER closed_incident_is_final ON incidents_incident;
DROP TRIGGER incident_stays ON incidents_incident;
DROP TRIGGER playbook_version_stays ON incidents_playbookversion;
DROP TRIGGER playbook_version_status_goes_on ON incidents_playbookversion;
DROP TRIGGER playbook_version_content_fixed ON incidents_playbookversion;
DROP FUNCTION incidents_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial")]

    operations = [migrations.RunSQL(FIXED, FREE)]
