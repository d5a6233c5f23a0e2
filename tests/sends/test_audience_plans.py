"""How PostgreSQL finds the chats of an audience: the live ones by their index, and deliveries by
the chats, however long the history is. And what the board asks beside its list."""

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction
from console.interactions.saved_views import saved_views, views_counted
from console.interactions.selectors import interactions_visible
from console.interactions.services import saved_view_create
from console.interactions.suggestions import field_values, user_data_keys
from console.sends.last_notices import LAST
from console.sends.models import Delivery, Send
from tests.support.factories import ROOT
from tools.bench.audience import CONDITIONS

pytestmark = pytest.mark.django_db
LIVE, ENDED = 600, 6000


@pytest.fixture
def history(make_send: Callable[..., Send]) -> Send:
    """A few live chats, many that have ended, and deliveries to all of them."""
    send = make_send()
    chance = random.Random(16)
    now = timezone.now()
    chats = [
        Interaction(
            id=f"old{number:06}",
            queue="billing" if number % 10 else "sales",
            locale=("en", "es", "pt-BR")[number % 3],
            user_data={"Plan": "gold" if number % 50 == 0 else "silver"},
            received_at=now - timedelta(seconds=chance.randrange(9000)),
            last_event_at=now,
            ended_at=None if number < LIVE else now,
        )
        for number in range(LIVE + ENDED)
    ]
    Interaction.objects.bulk_create(chats)
    Delivery.objects.bulk_create(
        Delivery(send=send, interaction_id=chat.pk, status="delivered", finished_at=now)
        for chat in chats
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        # Tables of this size are read whole more quickly; what counts is which index can be used.
        cursor.execute("SET LOCAL enable_seqscan = off")
    return send


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def explained(sql: str, params: Any = ()) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        (found,) = cursor.fetchone()
    document = json.loads(found) if isinstance(found, str) else found
    return list(nodes(document[0]["Plan"]))


def scans(plan: list[dict[str, Any]], table: str) -> list[tuple[str, str]]:
    """How a table is read, and by which index."""
    found = []
    for node in plan:
        if node.get("Relation Name") == table:
            below = [each.get("Index Name") for each in node.get("Plans", ())]
            found.append((node["Node Type"], node.get("Index Name") or next(iter(below), "")))
    return found


@pytest.mark.parametrize("name", CONDITIONS)
def test_an_audience_reads_live_chats_and_their_deliveries_alone(history: Send, name: str) -> None:
    text = CONDITIONS[name].format(send=history.pk)
    text = text.replace("team:Bench", "team:Sales")
    text = text.replace("notice/bench", f"notice/{history.version.notice.key}")
    audience = Audience.from_text(text)
    for query in (
        interactions_visible(ROOT, audience).values_list("pk"),
        interactions_visible(ROOT, audience).select_related(None).order_by().values("team")
        .annotate(number=Count("pk")).values_list("number"),
    ):  # fmt: skip
        plan = explained(*query.query.sql_with_params())
        of_chats = scans(plan, "interactions_interaction")
        assert of_chats, name
        used = {index for _how, index in of_chats}
        # There are few chats of a team, which has an index of its own.
        assert used == {"interaction_live"} or (name == "team" and of_team(used)), (name, used)
        for how, index in scans(plan, "sends_delivery"):
            assert how != "Seq Scan", name
            assert index == "delivery_by_interaction" or (
                "send/" in text and index == "one_delivery_a_target"
            ), (name, index)


def of_team(used: set[str]) -> bool:
    return all(index.startswith("interactions_interaction_team_id") for index in used)


def test_the_last_notices_of_a_page_are_found_by_their_chats(history: Send) -> None:
    plan = explained(LAST, [[f"old{number:06}" for number in range(100)]])
    assert {index for _how, index in scans(plan, "sends_delivery")} == {"delivery_by_interaction"}


def test_tabs_are_counted_by_one_query_of_live_chats(history: Send, supervisor: User) -> None:
    actor = supervisor.to_actor()
    for number, text in enumerate(("waiting>5m", "data.Plan:gold", f"received:send/{history.pk}")):
        saved_view_create(actor, name=f"V{number}", audience=Audience.from_text(text))
    views = list(saved_views(actor))
    with CaptureQueriesContext(connection) as captured:
        total, found = views_counted(actor, views)
    assert total == LIVE + 1
    assert found[1].number == LIVE // 50
    assert found[2].number == LIVE
    counting = [query["sql"] for query in captured if "FILTER" in query["sql"]]
    assert len(counting) == 1
    plan = explained(counting[0].replace("%", "%%"))
    assert {index for _how, index in scans(plan, "interactions_interaction")} == {
        "interaction_live"
    }
    # One more looks up the send that an audience names.
    assert len(captured) == 2


def test_suggestions_read_live_chats_alone(history: Send) -> None:
    for read in (lambda: user_data_keys(ROOT), lambda: field_values(ROOT, "data", "Plan")):
        with CaptureQueriesContext(connection) as captured:
            assert read()
        assert len(captured) == 1
        plan = explained(captured[0]["sql"].replace("%", "%%"))
        assert "interaction_live" in {
            index for _how, index in scans(plan, "interactions_interaction")
        }
        assert "Seq Scan" not in {how for how, _ in scans(plan, "interactions_interaction")}


def test_a_page_of_rows_asks_once_for_its_last_notices(
    history: Send, supervisor: User, browse: Callable[..., Client]
) -> None:
    with CaptureQueriesContext(connection) as captured:
        shown = browse(supervisor).get(reverse("board-rows")).content.decode()
    asked = [query["sql"] for query in captured if "LATERAL" in query["sql"]]
    assert len(asked) == 1
    assert len(re.findall('class="last"', shown)) == 100
