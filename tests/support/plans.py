"""What PostgreSQL would do for statements, as of a table that is much larger than it is."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection

READS = ("SELECT", "(SELECT", "WITH", "(WITH")


def as_of_many(table: str, rows: int) -> None:
    """Let PostgreSQL plan as if the table had so many rows, spread as those that it has."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")
        cursor.execute("UPDATE pg_class SET reltuples = %s WHERE relname = %s", [rows, table])


def plan_nodes(statements: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of the plans of those statements that read."""
    for statement in statements:
        if not statement.lstrip().startswith(READS):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
            plan = cursor.fetchone()[0]
        waiting = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            yield node
