from django.db import migrations, models

# An ended delivery changes only in this one step: all personal data is erased, at once and for
# good.
ENDED_MAY_BE_ERASED = """
DROP TRIGGER ended_delivery_kept ON sends_delivery;
CREATE TRIGGER ended_delivery_kept BEFORE UPDATE ON sends_delivery
    FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL AND (
        (OLD.send_id, OLD.interaction_id, OLD.locale, OLD.method, OLD.chat_server_name, OLD.status,
         OLD.reason, OLD.attempts, OLD.created_at, OLD.attempted_at, OLD.finished_at,
         OLD.reference_id, OLD.fault_code, OLD.retry_of_id)
        IS DISTINCT FROM
        (NEW.send_id, NEW.interaction_id, NEW.locale, NEW.method, NEW.chat_server_name, NEW.status,
         NEW.reason, NEW.attempts, NEW.created_at, NEW.attempted_at, NEW.finished_at,
         NEW.reference_id, NEW.fault_code, NEW.retry_of_id)
        OR (OLD.body, OLD.body_salt, OLD.customer_name, OLD.detail, OLD.fault_text, OLD.answer,
            OLD.erased_at, OLD.erased_on_request)
        IS DISTINCT FROM
           (NEW.body, NEW.body_salt, NEW.customer_name, NEW.detail, NEW.fault_text, NEW.answer,
            NEW.erased_at, NEW.erased_on_request)
        AND NOT (
            OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
            AND NEW.erased_on_request IS NOT NULL
            AND NEW.body = '' AND NEW.body_salt = '' AND NEW.customer_name = ''
            AND NEW.detail = '' AND NEW.fault_text = '' AND NEW.answer IS NULL)))
    EXECUTE FUNCTION console_refuse();
"""
AS_BEFORE = """
DROP TRIGGER ended_delivery_kept ON sends_delivery;
CREATE TRIGGER ended_delivery_kept BEFORE UPDATE ON sends_delivery
    FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL AND (
        (OLD.send_id, OLD.interaction_id, OLD.locale, OLD.method, OLD.chat_server_name, OLD.status,
         OLD.reason, OLD.attempts, OLD.created_at, OLD.attempted_at, OLD.finished_at,
         OLD.reference_id, OLD.fault_code, OLD.fault_text, OLD.answer, OLD.retry_of_id)
        IS DISTINCT FROM
        (NEW.send_id, NEW.interaction_id, NEW.locale, NEW.method, NEW.chat_server_name, NEW.status,
         NEW.reason, NEW.attempts, NEW.created_at, NEW.attempted_at, NEW.finished_at,
         NEW.reference_id, NEW.fault_code, NEW.fault_text, NEW.answer, NEW.retry_of_id)
        OR NEW.body NOT IN ('', OLD.body) OR NEW.body_salt NOT IN ('', OLD.body_salt)
        OR NEW.customer_name NOT IN ('', OLD.customer_name)))
    EXECUTE FUNCTION console_refuse();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('sends', '0006_own_work'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='erased_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='erased_on_request',
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='send',
            name='texts_erased_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='body_salt',
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddIndex(
            model_name='send',
            index=models.Index(condition=models.Q(('finished_at__isnull', False), ('texts_erased_at', None)), fields=['finished_at'], name='send_with_texts'),
        ),
        migrations.RunSQL(ENDED_MAY_BE_ERASED, AS_BEFORE),
    ]
