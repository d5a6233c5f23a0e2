from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sends", "0024_covered_sends")]

    operations = [
        AddIndexConcurrently(
            model_name="send",
            index=models.Index(
                condition=models.Q(("incident_id__isnull", False)),
                fields=["incident_id", "id"],
                name="send_by_incident",
            ),
        ),
    ]
