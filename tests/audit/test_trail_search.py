"""The search of the trail finds what reading all entries finds, and reads none of the others."""

from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.actors import Actor
from console.audit.selectors import audit_entries, audit_search
from console.editing.paging import keyset_page
from tests.support.plans import as_of_many, plan_nodes

pytestmark = pytest.mark.django_db
NUMBER = 3000
# Half of all is one action; one is rare, and one was there in the beginning only.
ENTRIES = """
INSERT INTO audit_auditentry (seq, at, actor_ref, actor_name, action, target_kind, target_ref,
    target_name, data, prev_hash, hash)
SELECT n, now(), 'user:1', 'Ann', kinds.action, split_part(kinds.action, '.', 1),
    mod(n, 700)::text, '', '{}', md5(n::text), md5(n::text)
FROM generate_series(1, %s) n CROSS JOIN LATERAL (SELECT CASE
    WHEN n < 500 AND mod(n, 2) = 0 THEN 'incident.opened'
    WHEN mod(n, 1000) = 7 THEN 'version.approved'
    WHEN mod(n, 3) = 0 THEN 'send.created'
    WHEN mod(n, 3) = 1 THEN 'send.finished'
    ELSE 'notice.edited' END AS action) kinds
"""
ACTIONS = (
    *("", "send.created", "version.approved", "incident.opened", "send.rejected"),
    *("send.", "incident.", "se", "v", "zz", "%", "_end"),
)
KINDS = ("", "send", "version", "incident", "notice", "team")
REFS = ("", "7", "699", "nobody")
FILTERS = [
    {"action": action, "target_kind": kind, "target_ref": ref}
    for action, kind, ref in product(ACTIONS, KINDS, REFS)
]


@pytest.fixture
def reader(auditor: User) -> Actor:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM audit_auditentry")
        assert cursor.fetchone()[0] < 10
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM audit_auditentry")
        cursor.execute(ENTRIES, [NUMBER])
        cursor.execute("SET session_replication_role = origin")
    as_of_many("audit_auditentry", 20_000_000)
    return auditor.to_actor()


def test_it_finds_what_fits_from_both_ends(reader: Actor) -> None:
    for chosen in FILTERS:
        plain = list(audit_entries(reader, **chosen).order_by("-pk").values_list("pk", flat=True))
        found = audit_search(reader, **chosen)
        assert _pks(found.order_by("-pk")[:7]) == plain[:7], chosen
        assert _pks(found.order_by("pk")[:7]) == plain[::-1][:7], chosen
        middle = found.order_by("-pk").filter(pk__lt=1500)[2:9]
        assert _pks(middle) == [pk for pk in plain if pk < 1500][2:9], chosen
        after = found.order_by("pk").filter(pk__gt=1500)[:7]
        assert _pks(after) == [pk for pk in plain[::-1] if pk > 1500][:7], chosen


def _pks(rows: Any) -> list[int]:
    return [row.pk for row in rows]


PLACES = ("", "oldest=1", "before=1500", "after=1500")


@pytest.mark.parametrize("place", PLACES)
def test_no_plan_reads_the_ledger(place: str, reader: Actor) -> None:
    for chosen in FILTERS:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            keyset_page(audit_search(reader, **chosen), QueryDict(place), 100)
        for node in plan_nodes(query["sql"] for query in asked.captured_queries):
            said = f"{chosen}: {node}"
            if node.get("Relation Name") != "audit_auditentry":
                continue
            assert node["Node Type"] != "Seq Scan", said
            if node.get("Index Name") == "audit_auditentry_pkey":
                assert "Filter" not in node, said
            elif node.get("Index Name") == "audit_action":
                assert node["Node Type"] == "Index Only Scan", said
            if node.get("Index Name") == "audit_target":
                assert "target_ref" in node["Index Cond"], said
