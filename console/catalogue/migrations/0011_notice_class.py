from django.db import migrations, models

# A notice's class is content of a version as well: it can't change once it is submitted.
KEPT = """
DROP TRIGGER submitted_version_kept ON catalogue_noticeversion;
CREATE TRIGGER submitted_version_kept BEFORE UPDATE ON catalogue_noticeversion
    FOR EACH ROW
    WHEN (OLD.status <> 'draft' AND (
        OLD.notice_id, OLD.number, OLD.default_locale, OLD.bodies, OLD.message_type, OLD.nickname,
        OLD.visibility, OLD.valid_from, OLD.valid_until, OLD.change_note, OLD.author_ref,
        OLD.author_name, OLD.created_at, OLD.submitted_at, OLD.fields, OLD.snippets, OLD.new_title,
        OLD.new_shortcut{old})
        IS DISTINCT FROM (
        NEW.notice_id, NEW.number, NEW.default_locale, NEW.bodies, NEW.message_type, NEW.nickname,
        NEW.visibility, NEW.valid_from, NEW.valid_until, NEW.change_note, NEW.author_ref,
        NEW.author_name, NEW.created_at, NEW.submitted_at, NEW.fields, NEW.snippets, NEW.new_title,
        NEW.new_shortcut{new}))
    EXECUTE FUNCTION console_refuse();
"""
WITH_CLASS = KEPT.format(old=", OLD.notice_class", new=", NEW.notice_class")
AS_BEFORE = KEPT.format(old="", new="")
CLASSES = [("safety", "Safety"), ("important", "Important"), ("routine", "Routine")]


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0010_renaming")]
    operations = [
        migrations.AddField(
            model_name="noticeversion",
            name="notice_class",
            field=models.CharField(
                choices=CLASSES, db_default="routine", default="routine", max_length=10
            ),
        ),
        migrations.AddConstraint(
            model_name="noticeversion",
            constraint=models.CheckConstraint(
                condition=models.Q(notice_class__in=["safety", "important", "routine"]),
                name="version_class_known",
            ),
        ),
        migrations.RunSQL(WITH_CLASS, AS_BEFORE),
    ]
