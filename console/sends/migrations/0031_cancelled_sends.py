from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('sends', '0030_test_send_index'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='send',
            index=models.Index(condition=models.Q(('status', 'cancelled')), fields=['id'], name='send_cancelled'),
        ),
    ]
