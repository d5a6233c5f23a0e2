"""How little a search of the history reads: no list twice, no more parts than it needs, and each
delivery once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.sends.history import search, sources
from console.sends.history.filling import history_fill
from console.sends.history.sources import Facts, Part, Place, parts_with
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, HistoryFact, Origin
from console.sends.selectors import history_search
from tools.scale.filling import fill

pytestmark = pytest.mark.django_db
NUMBER, PAGE = 3000, 101


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

    def noted(self: Any, parts: list[Part]) -> Any:
        asked.append(len(parts))
        return real(self, parts)

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


def test_whoever_sees_all_reads_each_delivery_once(
    history: None, auditor: User, supervisor: User
) -> None:
    assert by_their_ids(statements(auditor, status="failed")) == []
    assert by_their_ids(statements(auditor, q="agent")) == []


def test_for_others_their_sends_decide(history: None, supervisor: User) -> None:
    Origin.objects.update(actor_ref="somebody")
    Origin.objects.filter(pk=Origin.objects.first().pk).update(actor_ref=supervisor.to_actor().ref)
    assert by_their_ids(statements_of_nothing(supervisor, status="delivered"))


def statements_of_nothing(person: User, **given: str) -> list[str]:
    """Parts say that the person sent them; the sends say otherwise."""
    found = history_search(person.to_actor(), DeliveryFilter.from_mapping(given))
    with CaptureQueriesContext(connection) as captured:
        assert found[:PAGE] == []
    return [each["sql"] for each in captured.captured_queries]


def test_facts_are_read_along_their_index_and_nothing_else_is(history: None, auditor: User) -> None:
    """PostgreSQL takes a frequent value for an average one: with the statistics of a test it reads
    along the index anyway, so that its setting is looked at."""
    seen: dict[bool, set[str]] = {True: set(), False: set()}

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith("SELECT"):
            with connection.connection.cursor() as cursor:
                cursor.execute("SHOW enable_bitmapscan")
                seen["sends_historyfact" in sql].add(cursor.fetchone()[0])
        return execute(sql, params, many, context)

    given = DeliveryFilter.from_mapping({"notice": "years-1"})
    with connection.execute_wrapper(look):
        assert history_search(auditor.to_actor(), given).order_by("pk")[:PAGE]
    assert seen == {True: {"off"}, False: {"on"}}


@pytest.mark.parametrize("column", ["text", "marks"])
def test_what_a_search_compares_lies_in_the_row_of_a_part(column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage::text FROM pg_attribute "
            "WHERE attrelid = 'sends_historypart'::regclass AND attname = %s",
            [column],
        )
        assert cursor.fetchone() == ("m",)
