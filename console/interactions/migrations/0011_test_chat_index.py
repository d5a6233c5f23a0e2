import django.db.models.expressions
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('interactions', '0010_test_chats'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='interaction',
            index=models.Index(models.F('id'), condition=models.Q(('is_test', True)), name='interaction_test'),
        ),
    ]
