from django.db import migrations

REFUSE = """
CREATE TRIGGER submitted_version_kept BEFORE UPDATE ON catalogue_noticeversion
    FOR EACH ROW
    WHEN (OLD.status <> 'draft' AND (
        OLD.notice_id, OLD.number, OLD.default_locale, OLD.bodies, OLD.message_type, OLD.nickname,
        OLD.visibility, OLD.valid_from, OLD.valid_until, OLD.change_note, OLD.author_ref,
        OLD.author_name, OLD.created_at, OLD.submitted_at)
        IS DISTINCT FROM (
        NEW.notice_id, NEW.number, NEW.default_locale, NEW.bodies, NEW.message_type, NEW.nickname,
        NEW.visibility, NEW.valid_from, NEW.valid_until, NEW.change_note, NEW.author_ref,
        NEW.author_name, NEW.created_at, NEW.submitted_at))
    EXECUTE FUNCTION console_refuse();
CREATE TRIGGER submitted_version_stays BEFORE DELETE ON catalogue_noticeversion
    FOR EACH ROW WHEN (OLD.status <> 'draft') EXECUTE FUNCTION console_refuse();
CREATE TRIGGER versions_not_emptied BEFORE TRUNCATE ON catalogue_noticeversion
    FOR EACH STATEMENT EXECUTE FUNCTION console_refuse();
"""
ALLOW = """
DROP TRIGGER submitted_version_kept ON catalogue_noticeversion;
DROP TRIGGER submitted_version_stays ON catalogue_noticeversion;
DROP TRIGGER versions_not_emptied ON catalogue_noticeversion;
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_presets"), ("audit", "0004_kept")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
