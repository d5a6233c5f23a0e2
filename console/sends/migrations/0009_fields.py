from django.db import migrations, models

# A sender's answers never change either, until they are erased.
KEPT = """
CREATE TRIGGER send_answers_kept BEFORE UPDATE OF fields ON sends_send FOR EACH ROW
    WHEN (NEW.fields <> OLD.fields AND NEW.fields <> '{}')
    EXECUTE FUNCTION console_refuse();
"""
ALLOW = "DROP TRIGGER send_answers_kept ON sends_send;"


class Migration(migrations.Migration):

    dependencies = [
        ('sends', '0008_usage'),
    ]

    operations = [
        migrations.AddField(
            model_name='send',
            name='fields',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.RunSQL(KEPT, ALLOW),
    ]
