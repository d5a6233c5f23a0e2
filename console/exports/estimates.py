"""How many rows an export will have, before they are read."""

import json
from typing import Any

from django.db.models import QuerySet

from console.exports.reading import Extent

# From this part of the keys on, the rows that were read say more than PostgreSQL's statistics.
ENOUGH_READ = 0.01


def estimated_rows(rows: QuerySet[Any], extent: Extent) -> int:
    """Return PostgreSQL's estimate. Nothing is read."""
    plan = rows.prefetch_related(None).filter(pk__lte=extent.upto).explain(format="json")
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])


def rows_in_all(done: int, share: float, estimate: int) -> int:
    """Return how many rows there will be, by what has been read so far."""
    if share >= ENOUGH_READ:
        return max(done, round(done / share))
    return max(done, estimate)
