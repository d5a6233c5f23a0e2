from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('sends', '0034_history_search'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='send',
            index=models.Index(condition=models.Q(('is_searchable', False)), fields=['id'], name='send_not_searchable'),
        ),
    ]
