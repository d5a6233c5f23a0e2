from django.db import migrations, models

# A notice's new title and shortcut are content of a version as well: neither can change once it is
# submitted.
KEPT = """
DROP TRIGGER submitted_version_kept ON catalogue_noticeversion;
CREATE TRIGGER submitted_version_kept BEFORE UPDATE ON catalogue_noticeversion
    FOR EACH ROW
    WHEN (OLD.status <> 'draft' AND (
        OLD.notice_id, OLD.number, OLD.default_locale, OLD.bodies, OLD.message_type, OLD.nickname,
        OLD.visibility, OLD.valid_from, OLD.valid_until, OLD.change_note, OLD.author_ref,
        OLD.author_name, OLD.created_at, OLD.submitted_at, OLD.fields, OLD.snippets{old})
        IS DISTINCT FROM (
        NEW.notice_id, NEW.number, NEW.default_locale, NEW.bodies, NEW.message_type, NEW.nickname,
        NEW.visibility, NEW.valid_from, NEW.valid_until, NEW.change_note, NEW.author_ref,
        NEW.author_name, NEW.created_at, NEW.submitted_at, NEW.fields, NEW.snippets{new}))
    EXECUTE FUNCTION console_refuse();
"""
WITH_NAMES = KEPT.format(old=", OLD.new_title, OLD.new_shortcut", new=", NEW.new_title, NEW.new_shortcut")
AS_BEFORE = KEPT.format(old="", new="")


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0009_names")]
    operations = [
        migrations.AddField(
            model_name="noticeversion",
            name="new_title",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="new_shortcut",
            field=models.CharField(blank=True, db_default="", max_length=40),
        ),
        migrations.RunSQL(WITH_NAMES, AS_BEFORE),
    ]
