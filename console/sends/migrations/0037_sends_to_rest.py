from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('sends', '0036_at_rest'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='send',
            index=models.Index(condition=models.Q(('is_at_rest', False)), fields=['id'], name='send_not_at_rest'),
        ),
    ]
