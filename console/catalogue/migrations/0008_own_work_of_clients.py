from django.db import migrations

REFUSE = """
CREATE TRIGGER version_not_own_work AFTER UPDATE OF reviewer_ref ON catalogue_noticeversion
    FOR EACH ROW WHEN (NEW.reviewer_ref <> '' AND NEW.reviewer_ref <> OLD.reviewer_ref)
    EXECUTE FUNCTION console_refuse_own_work('author_ref', 'reviewer_ref');
CREATE TRIGGER preset_change_not_own_work AFTER UPDATE OF reviewer_ref ON catalogue_presetchange
    FOR EACH ROW WHEN (NEW.reviewer_ref <> '' AND NEW.reviewer_ref <> OLD.reviewer_ref)
    EXECUTE FUNCTION console_refuse_own_work('author_ref', 'reviewer_ref');
"""
ALLOW = """
DROP TRIGGER version_not_own_work ON catalogue_noticeversion;
DROP TRIGGER preset_change_not_own_work ON catalogue_presetchange;
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0007_import"), ("accounts", "0004_own_work")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
