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
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction
from console.interactions.saved_views import saved_views, views_counted
from console.interactions.selectors import interactions_visible
from console.interactions.services import chat_server_create, saved_view_create
from console.interactions.suggestions import field_values, user_data_keys
from console.sends.last_notices import LAST
from console.sends.models import Delivery, Send, SendStatus
from tests.support.factories import ROOT, make_interaction, make_notice, make_send, make_user
from tests.support.shared_world import shared_world
from tools.bench.audience import CONDITIONS, INCIDENT

pytestmark = pytest.mark.django_db
LIVE, ENDED, SENDS = 600, 6000, 20


def make_history() -> dict[str, Any]:
    """A few live chats, many that have ended, and deliveries to all of them."""
    team = team_create(ROOT, name="Sales", queues=["sales"])
    supervisor = make_user("sue", Role.SUPERVISOR, teams=[team])
    chat_server_create(ROOT, name="chat-east", url="esp+json://127.0.0.1:9")
    make_interaction("chat0001")
    send = make_send(supervisor, make_notice("hello").notice.key, ["chat0001"])
    _again(send)
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
        # What tests of before have rolled back lies in the tables and indexes, and makes them look
        # larger than they are.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("interactions_interaction", "sends_delivery"):
            cursor.execute(f"CLUSTER {table} USING {table}_pkey")
        cursor.execute("ANALYZE")
        # Tables of this size are read whole more quickly; what counts is which index can be used.
        cursor.execute("SET LOCAL enable_seqscan = off")
    return {"send": send, "supervisor": supervisor}


made = shared_world("made", make_history)


@pytest.fixture
def history(made: dict[str, Any]) -> Send:
    return made["send"]


@pytest.fixture
def supervisor(made: dict[str, Any]) -> User:
    return made["supervisor"]


@pytest.fixture
def long_history(history: Send) -> Send:
    """What PostgreSQL knows of a long and skewed history: each chat has had a few sends, some have
    had many, and the live chats are a small share. It chooses what it thinks best."""
    fields = Delivery._meta.concrete_fields
    columns = [str(field.column) for field in fields if not field.primary_key]
    ours = ", ".join(column if column != "send_id" else "%s" for column in columns)
    repeated = (
        f"INSERT INTO sends_delivery ({', '.join(columns)}) SELECT {ours} FROM sends_delivery "
        "WHERE send_id = %s AND right(interaction_id, 4)::int %% %s = 0"
    )
    with connection.cursor() as cursor:
        for number in range(SENDS):  # the first reach everybody
            every = max(1, 40 * (number - 3))
            cursor.execute(repeated, [_again(history).pk, history.pk, every])
        cursor.execute("SET LOCAL enable_seqscan = on")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE sends_delivery ALTER interaction_id SET (n_distinct = -0.2)")
        cursor.execute("ANALYZE")
        cursor.execute(
            "UPDATE pg_class SET reltuples = reltuples * 1000 WHERE relname = ANY(%s)",
            [["sends_delivery", "delivery_by_interaction", "one_delivery_a_target"]],
        )
    return history


def _again(send: Send) -> Send:
    """Another send that is over, of the same notice and incident."""
    return Send.objects.create(
        version=send.version,
        visibility=send.visibility,
        actor_ref=send.actor_ref,
        actor_name=send.actor_name,
        incident_id=INCIDENT,
        status=SendStatus.FINISHED,
        target_count=1,
        target={},
        release_at=send.release_at,
        finished_at=timezone.now(),
    )


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


def asked(name: str, send: Send) -> Audience:
    """A kind of condition, of what there is here."""
    text = CONDITIONS[name].format(send=send.pk)
    text = text.replace("team:Bench", "team:Sales")
    return Audience.from_text(text.replace("notice/bench", f"notice/{send.version.notice.key}"))


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
    audience = asked(name, history)
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
                "send/" in CONDITIONS[name] and index == "one_delivery_a_target"
            ), (name, index)


OF_EARLIER_SENDS = [name for name in CONDITIONS if "received:" in CONDITIONS[name]]


def test_each_chats_deliveries_are_found_by_its_id_in_a_long_history(long_history: Send) -> None:
    assert OF_EARLIER_SENDS
    for name in OF_EARLIER_SENDS:
        find_each_by_its_id(long_history, name)


def find_each_by_its_id(long_history: Send, name: str) -> None:
    query = interactions_visible(ROOT, asked(name, long_history)).values_list("pk")
    plan = explained(*query.query.sql_with_params())
    used = {index for _how, index in scans(plan, "sends_delivery")}
    assert used, name
    assert used <= {"delivery_by_interaction", "one_delivery_a_target"}, (name, used)
    for node in plan:
        if node.get("Index Name") in used:  # of one chat
            assert "interactions_interaction.id)" in node["Index Cond"], (name, node)
    # Nothing is joined to the deliveries: the plan has a part that is run for each chat.
    assert any(node.get("Parent Relationship") == "SubPlan" for node in plan), name


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
