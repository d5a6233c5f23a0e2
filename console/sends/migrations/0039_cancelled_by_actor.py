from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False
    dependencies = [
        ('sends', '0038_retention'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='send',
            index=models.Index(condition=models.Q(('status', 'cancelled')), fields=['actor_ref', 'id'], name='send_cancelled_by_actor'),
        ),
    ]
