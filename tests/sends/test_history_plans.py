"""No search of a long history reads all of a table, whatever is asked for: PostgreSQL is told that
there are ten million deliveries, and asked how it would read them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from console.sends.history.filling import history_fill
from console.sends.history_filter import DeliveryFilter
from console.sends.selectors import history_search
from tests.sends.peopled import make_first_send, make_people
from tests.support.shared_world import shared_world
from tools.bench.history_costs import A_PAGE, PEOPLE, SEARCHES
from tools.scale.filling import fill

pytestmark = pytest.mark.django_db
MADE, TOLD = 5000, 10_000_000
BIG = (
    *("sends_delivery", "sends_delivery_at_rest", "sends_send"),
    *("sends_historypart", "sends_historyfact"),
)
READS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan")


PASSES_ON = ("Append", "Merge Append", "LockRows")


def nodes(plan: dict[str, Any], *, few: bool = False) -> Iterator[dict[str, Any]]:
    """All nodes of a plan. `Few` is of those of which a limit takes the first rows alone."""
    yield {**plan, "Few": few and "Filter" not in plan}
    few = plan["Node Type"] == "Limit" or (few and plan["Node Type"] in PASSES_ON)
    for inner in plan.get("Plans", ()):
        yield from nodes(inner, few=few)


class Explained:
    """Asks for the plan of each statement that reads, before it runs."""

    def __init__(self) -> None:
        self.found: list[tuple[str, list[dict[str, Any]]]] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                (document,) = cursor.fetchone()
            plan = json.loads(document) if isinstance(document, str) else document
            self.found.append((sql, list(nodes(plan[0]["Plan"]))))
        return execute(sql, params, many, context)


def make_long_history() -> dict[str, Any]:
    people = make_people()
    make_first_send(people["supervisor"], 1)
    fill(MADE, packed=True)
    while history_fill():
        pass
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
        cursor.execute(
            "UPDATE pg_class SET reltuples = reltuples * %s WHERE oid::regclass::text = ANY(%s) OR "
            "oid IN (SELECT indexrelid FROM pg_index WHERE indrelid::regclass::text = ANY(%s))",
            [TOLD / MADE, list(BIG), list(BIG)],
        )
    return people


long_history = shared_world("long_history", make_long_history)


def reads_all(node: dict[str, Any]) -> bool:
    """Whether this reads a big table, or an index of it, from one end to the other."""
    if node["Node Type"] not in READS or node["Few"]:
        return False
    if node["Node Type"] == "Bitmap Index Scan":
        return "Index Cond" not in node
    if node.get("Relation Name") not in BIG or node["Node Type"] == "Bitmap Heap Scan":
        return False
    # These indexes have few rows: what is not in parts yet, and tests.
    of_few = node.get("Index Name") in {"send_not_searchable", "send_test"}
    return not of_few and "Index Cond" not in node


@pytest.mark.parametrize(("who", "order"), [("auditor", "-pk"), ("supervisor", "pk")])
def test_no_search_reads_all_of_a_table(long_history: Any, who: str, order: str) -> None:
    number = 0
    for name, given in SEARCHES.items():
        if not given:  # the newest or the oldest of all are read along the key
            continue
        search = history_search(PEOPLE[who], DeliveryFilter.from_mapping(given)).order_by(order)
        explained = Explained()
        with connection.execute_wrapper(explained):
            list(search[:A_PAGE])
        number += len(explained.found)
        for sql, plan in explained.found:
            wrong = [node for node in plan if reads_all(node)]
            assert not wrong, (name, sql, wrong)
    assert number > 100


def test_a_plan_that_reads_all_is_found(long_history: Any) -> None:
    explained = Explained()
    with connection.execute_wrapper(explained), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sends_delivery WHERE body LIKE %s", ["%x%"])
        cursor.execute("SELECT id FROM sends_delivery WHERE body = 'x' ORDER BY id LIMIT 1")
    assert all(any(map(reads_all, plan)) for _sql, plan in explained.found)
