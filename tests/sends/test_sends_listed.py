"""The list of sends in parts has what all sends have that somebody sees, and reads none of the
others."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from console.actors import Actor, Permission
from console.editing.paging import keyset_page
from console.sends.models import Send, SendStatus
from console.sends.pages.send_search import send_ids_found
from console.sends.selectors import sends_listed, sends_visible
from tests.support.plans import as_of_many, plan_nodes
from tools.scale.filling import PERSON, fill

pytestmark = pytest.mark.django_db
NUMBER = 4000
READ, APPROVE, SEND = Permission.VIEW_HISTORY, Permission.APPROVE_SENDS, Permission.SEND
ACTORS = {
    "auditor": Actor("user:9", "Auditor", frozenset({READ}), sees_all_teams=True),
    "administrator": Actor("user:8", "Administrator", frozenset({Permission.ADMINISTER})),
    "approver": Actor("user:7", "Approver", frozenset({APPROVE}), client_refs=("client:7",)),
    "sender": Actor(f"user:{PERSON}", "Sender", frozenset({SEND})),
    "both": Actor(f"user:{PERSON + 1}", "Both", frozenset({SEND, APPROVE}), client_refs=()),
    "new": Actor("user:6", "New", frozenset({SEND})),
}
STATUSES = ("", "finished", "running", "paused", "cancelled", "awaiting_approval", "scheduled")


@pytest.fixture(autouse=True)
def _years(make_send: Callable[..., Any]) -> None:
    make_send(1)
    fill(NUMBER)
    ids = list(Send.objects.order_by("pk").values_list("pk", flat=True))
    assert len(ids) > 150
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        some = Send.objects.filter(pk__in=ids[5:40:7])
        some.update(approved_by_ref="user:7", approved_by_name="Approver")
        Send.objects.filter(pk__in=ids[3:60:9]).update(status=SendStatus.CANCELLED)
        Send.objects.filter(pk__in=ids[-9:-1:3]).update(status=SendStatus.PAUSED)
        Send.objects.filter(pk__in=ids[-8:-1:3]).update(status=SendStatus.AWAITING_APPROVAL)
        Send.objects.filter(pk__in=ids[2:50:11]).update(is_test=True)
        cursor.execute("SET session_replication_role = origin")


def cases() -> Iterator[tuple[Actor, str, str, str]]:
    middle = NUMBER // 100
    places = ("", "oldest=1", f"before={middle}", f"after={middle}")
    yield from product(ACTORS.values(), STATUSES, ("", "number 1", "nobody"), places)


def test_it_has_what_is_visible_from_both_ends() -> None:
    for actor, status, q, place in cases():
        among = send_ids_found(actor, q) if q else None
        plain = sends_visible(actor)
        plain = plain if among is None else plain.filter(pk__in=among)
        plain = plain.filter(status=status) if status else plain
        listed = sends_listed(actor, status=status, among=among)
        expected = keyset_page(plain, QueryDict(place), 7)
        found = keyset_page(listed, QueryDict(place), 7)
        case = (actor.name, status, q, place)
        assert [row.pk for row in found.rows] == [row.pk for row in expected.rows], case
        assert (found.newer, found.older) == (expected.newer, expected.older), case
        if not place:
            assert listed.count() == plain.count(), case
            assert listed.order_by("-pk")[0:0] == []


def test_no_plan_reads_all_sends() -> None:
    as_of_many("sends_send", 1_000_000)
    for actor, status, q, place in cases():
        if q:  # among the newest sends alone
            continue
        with CaptureQueriesContext(connection) as asked:
            keyset_page(sends_listed(actor, status=status), QueryDict(place), 7)
        for node in plan_nodes(query["sql"] for query in asked.captured_queries):
            said = f"{actor.name} {status} {place}: {node}"
            if node.get("Relation Name") == "sends_send":
                assert node["Node Type"] != "Seq Scan", said
            # Those of a page may be looked up by their numbers.
            if node["Node Type"] == "Bitmap Index Scan" and "= ANY" not in str(
                node.get("Index Cond")
            ):
                assert node["Index Name"] != "sends_send_pkey", said
