"""How little a search of the history reads: no list twice, no more parts than it needs, and each
delivery once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.sends.history import search, searchable, sources
from console.sends.history.filling import history_fill
from console.sends.history.searchable import FACTS_MOST, PART_MOST, PART_SPAN
from console.sends.history.sources import Facts, Part, Place, parts_with
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, HistoryFact, HistoryPart, Origin, Send
from console.sends.selectors import history_search
from tests.sends.test_history_plans import nodes
from tools.scale.filling import fill

pytestmark = pytest.mark.django_db
NUMBER, PAGE = 3000, 101
# In each statement that asks the index of texts.
BY_TEXTS = '("sends_historypart"."last_id" + '


@pytest.fixture
def history(make_send: Callable[..., Any]) -> None:
    make_send(1)
    fill(NUMBER, packed=True)
    while history_fill():
        pass


@pytest.mark.parametrize("newest_first", [True, False])
def test_lists_are_merged_in_order_and_none_is_read_twice(
    history: None, newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FIRST_PARTS", 8)
    monkeypatch.setattr(sources, "MOST_PARTS", 64)
    read: Counter[tuple[Any, Part]] = Counter()
    real = sources._with_keys

    def counted(*given: Any) -> Any:
        found = real(*given)
        read.update((key, part) for key, parts in found.items() for part in parts)
        return found

    monkeypatch.setattr(sources, "_with_keys", counted)
    facts = Facts(origins=list(Origin.objects.values_list("pk", flat=True)))
    first_id = Delivery.objects.earliest("pk").pk
    place = Place(first_id + 700, first_id + 2600, newest_first)
    found = list(parts_with(facts, place))
    wanted = HistoryFact.objects.filter(last_id__gt=place.after, first_id__lt=place.before)
    order = "-last_id" if newest_first else "last_id"
    expected = wanted.order_by(order).values_list("last_id", "first_id", "send").distinct()
    assert found == [Part(*row) for row in expected]
    assert len(found) > 100
    assert read.total() > len(found)
    assert set(read.values()) == {1}


def test_parts_are_read_as_many_as_are_likely_to_be_needed(
    history: None, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = search._Search._fitting

    def noted(self: Any, parts: list[Part], most: int) -> Any:
        asked.append(len(parts))
        return real(self, parts, most)

    monkeypatch.setattr(search._Search, "_fitting", noted)
    found = history_search(auditor.to_actor(), DeliveryFilter.from_mapping({"status": "skipped"}))
    most = found.count_to(NUMBER) - 5
    asked.clear()
    edge = found.order_by("-pk").first_ids(most)[-1]
    beyond = HistoryFact.objects.filter(status="skipped", last_id__gte=edge)
    needed = beyond.values("last_id").distinct().count()
    assert needed > 2 * search.PARTS_MOST // 3
    assert sum(asked) < needed + 2 * search.PARTS_AT_ONCE, (asked, needed)


def statements(person: User, **given: str) -> list[str]:
    found = history_search(person.to_actor(), DeliveryFilter.from_mapping(given))
    with CaptureQueriesContext(connection) as captured:
        deliveries = found[:PAGE]
        assert deliveries
        assert all(each.send.version.notice.key for each in deliveries)
    return [each["sql"] for each in captured.captured_queries]


def by_their_ids(sqls: list[str]) -> list[str]:
    return [sql for sql in sqls if '"sends_delivery"."id" IN (' in sql]


def test_each_delivery_is_read_once(history: None, auditor: User, supervisor: User) -> None:
    assert by_their_ids(statements(auditor, status="failed")) == []
    assert by_their_ids(statements(auditor, q="agent")) == []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for rows in (Send.objects.all(), Origin.objects.all()):
            rows.filter(actor_name="Workflow").update(actor_ref=supervisor.to_actor().ref)
        cursor.execute("SET session_replication_role = origin")
    seen = statements(supervisor, q="agent")
    assert by_their_ids(seen) == []
    assert (
        len([sql for sql in seen if 'FROM "sends_send"' in sql and '"sends_send"."id" IN' in sql])
        == 1
    )


def at_rest(person: User, **given: str) -> tuple[int, int]:
    """Search, and return in how many ranges of ids both tables were read for deliveries, and how
    often that which has what is not at rest."""
    counts: Counter[str] = Counter()

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "part(first_id, last_id)" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                (document,) = cursor.fetchone()
            for node in nodes(document[0]["Plan"]):
                counts[node.get("Relation Name", "")] += node["Actual Loops"]
        return execute(sql, params, many, context)

    found = history_search(person.to_actor(), DeliveryFilter.from_mapping(given))
    with connection.execute_wrapper(look):
        assert found[:PAGE]
    return counts["sends_delivery_at_rest"], counts["sends_delivery"]


def test_where_all_lies_at_rest_nothing_else_is_read(history: None, auditor: User) -> None:
    """Each eighth part has what ended as unknown, or some other that is not at rest."""
    ranges, others = at_rest(auditor, q="王小")
    assert ranges > 5
    assert 0 < others < ranges / 2
    assert at_rest(auditor, status="unknown")[0] == 0


@pytest.mark.parametrize("order", ["-pk", "pk"])
def test_no_more_deliveries_are_read_out_than_are_needed(
    history: None, auditor: User, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = search._Search._fitting

    def noted(self: Any, *given: Any) -> Any:
        found = real(self, *given)
        read.append(len(found))
        return found

    monkeypatch.setattr(search._Search, "_fitting", noted)
    given = DeliveryFilter.from_mapping({"status": "delivered"})
    assert len(history_search(auditor.to_actor(), given).order_by(order)[:PAGE]) == PAGE
    assert max(read) <= PAGE


def test_a_page_takes_few_statements(history: None, auditor: User) -> None:
    """Nearly each part that has this has it once, and some of the sends have it in their notice."""
    read = statements(auditor, q="f1")
    deliveries = [sql for sql in read if "part(first_id, last_id)" in sql]
    assert len(deliveries) <= 3, deliveries
    assert len([sql for sql in read if sql.startswith("SET ")]) <= 8


def test_for_others_their_sends_decide(history: None, supervisor: User) -> None:
    Origin.objects.update(actor_ref="somebody")
    Origin.objects.filter(pk=Origin.objects.first().pk).update(actor_ref=supervisor.to_actor().ref)
    read = statements_of_nothing(supervisor, status="delivered")
    assert any("part(first_id, last_id)" in sql for sql in read)


def test_what_the_nearest_parts_have_is_not_looked_for_elsewhere(
    history: None, auditor: User
) -> None:
    assert not any("sends_historyfact" in sql for sql in statements(auditor, q="Martin"))
    assert any("sends_historyfact" in sql for sql in statements(auditor, actor="Martin"))


@pytest.mark.parametrize("order", ["-pk", "pk"])
def test_what_is_nowhere_takes_few_statements(
    history: None, auditor: User, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans of 16, 256 and 4,096 ids stand for those of the product."""
    for module in (sources, searchable):
        monkeypatch.setattr(module, "LEVELS", (4, 8, 12))
    monkeypatch.setattr(sources, "NEAREST_PARTS", 4)
    monkeypatch.setattr(sources, "FIRST_PARTS", 2)
    HistoryFact.objects.all().delete()
    HistoryPart.objects.all().delete()
    Send.objects.filter(finished_at__isnull=False).update(is_searchable=False)
    while history_fill():
        pass
    found = history_search(auditor.to_actor(), DeliveryFilter.from_mapping({"q": "xylophonist"}))
    with CaptureQueriesContext(connection) as captured:
        assert found.order_by(order)[:PAGE] == []
    asked = [each["sql"] for each in captured.captured_queries if BY_TEXTS in each["sql"]]
    assert 1 <= len(asked) <= 3, asked


def test_a_part_has_few_deliveries_and_tells_of_these_alone(history: None) -> None:
    parts = list(HistoryPart.objects.order_by("last_id"))
    rows = Delivery.objects.filter(send__is_searchable=True, send__is_test=False)
    of_parts: dict[int, list[Delivery]] = {part.pk: [] for part in parts}
    for row in rows:
        (part,) = [
            part
            for part in parts
            if part.send_id == row.send_id and part.first_id <= row.pk <= part.last_id
        ]
        of_parts[part.pk].append(row)
    for part in parts:
        theirs = of_parts[part.pk]
        assert 0 < len(theirs) <= PART_MOST
        told = {mark for mark in part.marks if mark.startswith("is ")}
        pairs = {(row.status, row.chat_server_name) for row in theirs}
        assert told == {f"is {status}" for status, _server in pairs} | {
            f"is {status} at {server}" for status, server in pairs
        }
    assert max(map(len, of_parts.values())) == PART_MOST


def test_facts_are_told_of_several_parts_at_once(history: None) -> None:
    told = HistoryFact.objects.values_list("send", "first_id", "last_id").distinct()
    assert PART_MOST < max(last - first + 1 for _send, first, last in told) <= PART_SPAN
    assert set(told) == {
        (part.send_id, first, part.last_id)
        for first, part in (
            (fact.first_id, fact.part) for fact in HistoryFact.objects.select_related("part")
        )
    }
    for send, first, last in told:
        within = Delivery.objects.filter(send=send, pk__gte=first, pk__lte=last)
        facts = HistoryFact.objects.filter(send=send, last_id=last)
        assert set(facts.values_list("status", "chat_server_name")) == set(
            within.values_list("status", "chat_server_name")
        )
        assert within.count() <= FACTS_MOST


def statements_of_nothing(person: User, **given: str) -> list[str]:
    """Parts say that the person sent them; the sends say otherwise."""
    found = history_search(person.to_actor(), DeliveryFilter.from_mapping(given))
    with CaptureQueriesContext(connection) as captured:
        assert found[:PAGE] == []
    return [each["sql"] for each in captured.captured_queries]


# What only the statements of each kind have.
KINDS = {"facts": "sends_historyfact", "near": '"has_text"', "texts": BY_TEXTS}


def test_parts_are_read_along_an_index_unless_by_their_texts(history: None, auditor: User) -> None:
    """PostgreSQL takes a frequent value for an average one: with the statistics of a test it reads
    along the index anyway, so that its setting is looked at."""
    seen: dict[str, set[str]] = {kind: set() for kind in KINDS}

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        for kind, name in KINDS.items():
            if name in sql:
                with connection.connection.cursor() as cursor:
                    cursor.execute("SHOW enable_bitmapscan")
                    seen[kind].add(cursor.fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        for given in ({"notice": "years-1"}, {"q": "Martin", "notice": "years-12"}):
            found = history_search(auditor.to_actor(), DeliveryFilter.from_mapping(given))
            assert found.order_by("pk")[:PAGE]
        with connection.cursor() as cursor:
            cursor.execute("SHOW enable_bitmapscan")
            assert cursor.fetchone() == ("on",)
    assert seen == {"facts": {"off"}, "near": {"off"}, "texts": {"on"}}


@pytest.mark.parametrize("column", ["text", "marks"])
def test_what_a_search_compares_lies_in_the_row_of_a_part(column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage::text FROM pg_attribute "
            "WHERE attrelid = 'sends_historypart'::regclass AND attname = %s",
            [column],
        )
        assert cursor.fetchone() == ("m",)
