from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('sends', '0039_cancelled_by_actor'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='send',
            index=models.Index(condition=models.Q(('approved_by_ref', ''), _negated=True), fields=['approved_by_ref', 'id'], name='send_by_approver'),
        ),
    ]
