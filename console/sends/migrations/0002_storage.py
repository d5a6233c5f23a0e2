from django.db import migrations


class Migration(migrations.Migration):
    """Room for a delivery's next version on its own page, which is what keeps recording an outcome
    off the indexes; and an outbox that is tidied up while a large send drains."""

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
