"""What entries that are about to be archived tell of rows, and no later entry does.

An archive tells it again, out of the entries alone. So what stands in the database is compared with
it as before, and nobody's change of a row becomes history by an archive.
"""

import json
from typing import Any

from django.db import connection

from console.audit.actions import TELL_ROWS

ROWS_AN_ENTRY = 100

NEWEST = """
SELECT key, value FROM (
    SELECT DISTINCT ON (told.key) told.key, told.value, entry.seq
    FROM audit_auditentry entry
    CROSS JOIN LATERAL jsonb_each(entry.data -> 'rows') AS told (key, value)
    WHERE entry.action = ANY(%(actions)s) AND jsonb_typeof(entry.data -> 'rows') = 'object'
    ORDER BY told.key, entry.seq DESC
) AS newest
WHERE seq <= %(last)s AND jsonb_typeof(value) = 'object'
ORDER BY key
"""


def rows_told_to(last: int) -> list[dict[str, Any]]:
    """Return the rows that entries up to `last` told as the newest, each group for one entry.
    Things that are gone are left out."""
    values: dict[str, Any] = {
        "actions": sorted(str(action) for action in TELL_ROWS),
        "last": last,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, values)
        found = cursor.fetchall()
    rows = [(key, json.loads(value) if isinstance(value, str) else value) for key, value in found]
    return [dict(rows[at : at + ROWS_AN_ENTRY]) for at in range(0, len(rows), ROWS_AN_ENTRY)]
