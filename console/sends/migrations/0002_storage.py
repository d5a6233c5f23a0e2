from django.db import migrations


class Migration(migrations.Migration):
    """Leaves room on the page for a delivery's next version, so that recording an outcome touches
    no index, and vacuums the outbox while a large send drains."""

    dependencies = [("sends", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE sends_delivery SET (fillfactor = 35)",
            "ALTER TABLE sends_delivery RESET (fillfactor)",
        ),
        migrations.RunSQL(
            "ALTER TABLE sends_outbox SET ("
            "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)",
            "ALTER TABLE sends_outbox RESET ("
            "autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)",
        ),
    ]
