from django.db import migrations

# The counts are written while the ledger's lock is held. In a function PostgreSQL plans their
# statements once a session, instead of with each step of a drain.
COUNT = """
CREATE FUNCTION sends_count(
    of_sends bigint[], of_statuses text[], numbers int[],
    used_by bigint[], created_by int[], delivered_by int[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(of_sends) > 0 THEN
        INSERT INTO sends_sendoutcome AS known (send_id, status, number)
        SELECT * FROM unnest(of_sends, of_statuses, numbers)
        ON CONFLICT (send_id, status) DO UPDATE SET number = known.number + EXCLUDED.number;
    END IF;
    IF cardinality(used_by) > 0 THEN
        INSERT INTO sends_versionuse AS known (version_id, sends, delivered)
        SELECT s.version_id, sum(used.created), sum(used.delivered_now)
        FROM unnest(used_by, created_by, delivered_by) AS used(send_id, created, delivered_now)
        JOIN sends_send s ON s.id = used.send_id
        GROUP BY s.version_id
        ON CONFLICT (version_id) DO UPDATE SET
            sends = known.sends + EXCLUDED.sends, delivered = known.delivered + EXCLUDED.delivered;
    END IF;
END $$;
"""
FORGET = "DROP FUNCTION sends_count(bigint[], text[], int[], bigint[], int[], int[])"


class Migration(migrations.Migration):

    dependencies = [
        ('sends', '0026_canary'),
    ]

    operations = [
        migrations.RunSQL(COUNT, FORGET),
    ]
