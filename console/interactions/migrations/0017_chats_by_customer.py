import django.db.models.expressions
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('interactions', '0016_customer_key'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='interaction',
            index=models.Index(models.F('customer_key'), models.F('id'), condition=models.Q(('customer_key', ''), _negated=True), name='interaction_by_customer'),
        ),
    ]
