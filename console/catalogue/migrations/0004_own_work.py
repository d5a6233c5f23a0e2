from django.db import migrations

# A version's author never changes, it starts as an undecided draft, and its status only advances. So
# nobody can get around the check "nobody reviews their own version" by changing what it compares.
REFUSE = """
CREATE FUNCTION catalogue_refuse_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A version begins as a draft, goes to review, and is decided on there, once: '
        'to make it % is refused.', NEW.status USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER version_author_stays
    BEFORE UPDATE OF author_ref, author_name, notice_id, number, created_at
    ON catalogue_noticeversion FOR EACH ROW
    WHEN ((OLD.author_ref, OLD.author_name, OLD.notice_id, OLD.number, OLD.created_at)
        IS DISTINCT FROM
        (NEW.author_ref, NEW.author_name, NEW.notice_id, NEW.number, NEW.created_at))
    EXECUTE FUNCTION console_refuse();

CREATE TRIGGER version_begins_as_draft BEFORE INSERT ON catalogue_noticeversion FOR EACH ROW
    WHEN (NEW.status <> 'draft' OR NEW.reviewer_ref <> '' OR NEW.reviewed_at IS NOT NULL)
    EXECUTE FUNCTION catalogue_refuse_step();

CREATE TRIGGER version_status_goes_on
    BEFORE UPDATE OF status, reviewer_ref, reviewer_name, reviewed_at, reject_reason
    ON catalogue_noticeversion FOR EACH ROW
    WHEN (
        (NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
            ('draft', 'in_review'), ('in_review', 'published'), ('in_review', 'rejected'),
            ('published', 'superseded')))
        OR (NEW.status = OLD.status OR OLD.status <> 'in_review')
            AND (OLD.reviewer_ref, OLD.reviewer_name, OLD.reviewed_at, OLD.reject_reason)
            IS DISTINCT FROM
            (NEW.reviewer_ref, NEW.reviewer_name, NEW.reviewed_at, NEW.reject_reason))
    EXECUTE FUNCTION catalogue_refuse_step();
"""
ALLOW = """
DROP TRIGGER version_author_stays ON catalogue_noticeversion;
DROP TRIGGER version_begins_as_draft ON catalogue_noticeversion;
DROP TRIGGER version_status_goes_on ON catalogue_noticeversion;
DROP FUNCTION catalogue_refuse_step();
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0003_kept")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
