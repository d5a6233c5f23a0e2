from django.db import migrations, models

# The questions to the sender, and the versions of snippets at the review, are content as well:
# neither can change once the version is submitted.
KEPT = """
DROP TRIGGER submitted_version_kept ON catalogue_noticeversion;
CREATE TRIGGER submitted_version_kept BEFORE UPDATE ON catalogue_noticeversion
    FOR EACH ROW
    WHEN (OLD.status <> 'draft' AND (
        OLD.notice_id, OLD.number, OLD.default_locale, OLD.bodies, OLD.message_type, OLD.nickname,
        OLD.visibility, OLD.valid_from, OLD.valid_until, OLD.change_note, OLD.author_ref,
        OLD.author_name, OLD.created_at, OLD.submitted_at{old})
        IS DISTINCT FROM (
        NEW.notice_id, NEW.number, NEW.default_locale, NEW.bodies, NEW.message_type, NEW.nickname,
        NEW.visibility, NEW.valid_from, NEW.valid_until, NEW.change_note, NEW.author_ref,
        NEW.author_name, NEW.created_at, NEW.submitted_at{new}))
    EXECUTE FUNCTION console_refuse();
"""
WITH_SNIPPETS = KEPT.format(old=", OLD.fields, OLD.snippets", new=", NEW.fields, NEW.snippets")
AS_BEFORE = KEPT.format(old="", new="")


class Migration(migrations.Migration):

    dependencies = [
        ('catalogue', '0005_order'),
    ]

    operations = [
        migrations.AddField(
            model_name='noticeversion',
            name='fields',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='noticeversion',
            name='snippets',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='cannednotice',
            name='kind',
            field=models.CharField(choices=[('message', 'Message'), ('push_url', 'Push URL'), ('custom', 'Custom notice'), ('snippet', 'Snippet')], max_length=10),
        ),
        migrations.RemoveConstraint(
            model_name='cannednotice',
            name='notice_kind_known',
        ),
        migrations.AddConstraint(
            model_name='cannednotice',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['message', 'push_url', 'custom', 'snippet'])), name='notice_kind_known'),
        ),
        migrations.RunSQL(WITH_SNIPPETS, AS_BEFORE),
    ]
