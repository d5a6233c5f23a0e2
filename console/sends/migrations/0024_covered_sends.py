"""A send of an incident's stage may begin with the approval that another send of the stage got, or
with the confirmation of its emergency. No other send begins approved."""

from django.db import migrations

# The tables of console.incidents are made later; the function finds them when it runs.
COVERED = """
DROP TRIGGER send_begins_unapproved ON sends_send;

CREATE FUNCTION sends_refuse_uncovered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.stage_id IS NOT NULL AND NEW.approved_by_ref <> '' AND (
        EXISTS (
            SELECT FROM sends_send s
            WHERE s.incident_id = NEW.incident_id AND s.stage_id = NEW.stage_id
                AND (s.approved_by_ref, s.approved_by_name, s.approved_at)
                = (NEW.approved_by_ref, NEW.approved_by_name, NEW.approved_at))
        OR NEW.is_emergency AND EXISTS (
            SELECT FROM incidents_incident i
            WHERE i.id = NEW.incident_id
                AND (i.confirmed_by_ref, i.confirmed_by_name, i.confirmed_at)
                = (NEW.approved_by_ref, NEW.approved_by_name, NEW.approved_at)))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A send begins without approval, unless one of its stage has it already.'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER send_begins_unapproved BEFORE INSERT ON sends_send FOR EACH ROW
    WHEN (NEW.approved_by_ref <> '' OR NEW.approved_at IS NOT NULL)
    EXECUTE FUNCTION sends_refuse_uncovered();

CREATE TRIGGER send_stage_kept BEFORE UPDATE ON sends_send FOR EACH ROW
    WHEN ((OLD.incident_id, OLD.stage_id, OLD.is_emergency)
        IS DISTINCT FROM (NEW.incident_id, NEW.stage_id, NEW.is_emergency))
    EXECUTE FUNCTION console_refuse();
"""
UNCOVERED = """
DROP TRIGGER send_stage_kept ON sends_send;
DROP TRIGGER send_begins_unapproved ON sends_send;
DROP FUNCTION sends_refuse_uncovered();

CREATE TRIGGER send_begins_unapproved BEFORE INSERT ON sends_send FOR EACH ROW
    WHEN (NEW.approved_by_ref <> '' OR NEW.approved_at IS NOT NULL)
    EXECUTE FUNCTION sends_refuse_step();
"""


class Migration(migrations.Migration):
    dependencies = [("sends", "0023_incidents")]

    operations = [migrations.RunSQL(COVERED, UNCOVERED)]
