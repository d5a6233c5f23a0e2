"""The board narrowed by an audience: its list, its preview and its send mean the same chats, and
what can't be read means nobody. And the builder, which writes the same text by clicks."""

import html
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.accounts.models import ApiClient, Team, User
from console.catalogue.models import NoticeVersion
from console.interactions.audience import builder
from console.interactions.audience.audience import Audience
from console.interactions.audience.fields import FIELDS
from console.interactions.audience.values import Draft, Everyone, Group, Node, Not, Op
from console.interactions.audience.writing import draft_text, read_draft
from console.interactions.models import ChatServer, Interaction
from console.interactions.selectors import interactions_visible
from console.interactions.services import saved_view_create
from console.interactions.suggestions import SUGGESTED_MOST, field_values, user_data_keys
from console.sends.models import Send
from tests.interactions.test_audience import NEAR_NODES, crowd
from tests.pages.conftest import end
from tests.support import audiences, factories
from tests.support.audiences import of_board_form, on_board
from tests.support.calling import by_token
from tests.support.factories import ROOT

__all__ = ["crowd"]
HTMX = {"HX-Request": "true"}
Make = Callable[..., Interaction]
pytestmark = pytest.mark.django_db


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def hello(make_notice: Callable[..., NoticeVersion]) -> NoticeVersion:
    return make_notice("Hello.", key="hello")


# --- The same chats everywhere -------------------------------------------------------------------


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(node=NEAR_NODES)
def test_one_definition_means_the_same_chats_everywhere(
    crowd: None,
    supervisor: User,
    page: Client,
    hello: NoticeVersion,
    make_client: Callable[..., tuple[ApiClient, str]],
    node: Node,
) -> None:
    text = Audience(node).to_text()
    actor = supervisor.to_actor()
    expected = {chat.pk for chat in interactions_visible(actor, Audience(node))}

    assert on_board(page, text) == expected, text
    assert audiences.in_plan(actor, "hello", text) == expected, text
    with transaction.atomic():
        assert audiences.in_send(actor, "hello", text) == expected, text
        transaction.set_rollback(True)
    with transaction.atomic():
        view = saved_view_create(actor, name="Any", audience=Audience.from_text(text))
        assert audiences.in_tab(page, view.pk) == len(expected), text
        transaction.set_rollback(True)
    with transaction.atomic():
        assert audiences.by_saved_view(actor, text) == expected, text
        transaction.set_rollback(True)
    assert builder.of_text(actor, text).problem == ""


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(node=NEAR_NODES)
def test_an_incident_reaches_the_same_chats(
    crowd: None, supervisor: User, chat_server: ChatServer, hello: NoticeVersion, node: Node
) -> None:
    """By its preview, at its start, and if they come while its stage stands."""
    text = Audience(node).to_text()
    actor = supervisor.to_actor()
    expected = {chat.pk for chat in interactions_visible(actor, Audience(node))}
    for read in (
        audiences.in_stage_plan,
        audiences.in_started_stage,
        audiences.in_standing_stage,
    ):
        with transaction.atomic():
            playbook = audiences.in_playbook("hello", text)
            assert read(actor, playbook) == expected, (read.__name__, text)
            transaction.set_rollback(True)


def test_a_program_finds_the_same(
    crowd: None,
    page: Client,
    hello: NoticeVersion,
    make_client: Callable[..., tuple[ApiClient, str]],
) -> None:
    caller = by_token(make_client("read", "send")[1])
    for text in ("data.Plan:gold", "not has:agent", "everyone", "data.Amount>=9 or language^es"):
        expected = audiences.by_query(ROOT, text)
        assert audiences.by_api(caller, text) == expected
        assert audiences.in_api_preview(caller, "hello", text) == expected
        playbook = audiences.in_playbook("hello", text)
        assert audiences.in_api_incident(caller, playbook) == expected


def test_the_selects_and_the_audience_hold_together(crowd: None, page: Client) -> None:
    assert on_board(page, "has:agent") == {"a1", "d4", "e5"}
    assert on_board(page, "has:agent", queue="billing") == {"a1"}
    assert on_board(page, "has:agent", queue="sales") == set()
    assert on_board(page, "everyone", queue="billing") == {"a1", "c3"}


def test_a_send_to_all_that_match_stores_what_both_say(
    crowd: None, page: Client, hello: NoticeVersion
) -> None:
    fields = of_board_form("data.Plan:gold")
    fields["filters"] += "&queue=billing"
    page.post(reverse("send-create"), fields)
    send = Send.objects.get()
    both = {"all": [{"queue": "billing"}, {"data": {"Plan": "gold"}}]}
    assert send.target == {"audience": both}
    assert [delivery.interaction_id for delivery in send.deliveries.all()] == ["a1"]


def test_newcomers_are_those_of_the_audience(
    page: Client, hello: NoticeVersion, make_interaction: Make
) -> None:
    make_interaction("first", user_data={"Plan": "gold"})
    fields = of_board_form("data.Plan:gold")
    shown = page.post(reverse("board-preview"), fields, headers=HTMX).content.decode()
    promise = re.search(r'name="expected_plan"\s+value="([^"]+)"', shown)
    assert promise is not None
    make_interaction("second", user_data={"Plan": "gold"})
    make_interaction("other", user_data={"Plan": "silver"})
    fields |= {"expected_plan": html.unescape(promise[1])}
    answer = page.post(reverse("board-newcomers"), fields).content.decode()
    assert "1 new chat matches" in answer


# --- What can't be read --------------------------------------------------------------------------

REFUSED = {
    'queue:""': "queue is empty: give a value, or leave it out.",
    "queue:": "A value is missing: give one, or leave the condition out, at &#x27;the end&#x27;.",
    "quue:billing": "There is no condition quue",
    "(queue:a": "A closing parenthesis is missing",
    "team:Nowhere": "There is no team Nowhere.",
    "received:send/4711": "There is no send 4711.",
    "not received:notice/nothing": "There is no notice nothing.",
    "everyone queue:a": "everyone stands alone",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cant_be_read_is_nobody(
    crowd: None,
    page: Client,
    supervisor: User,
    hello: NoticeVersion,
    make_client: Callable[..., tuple[ApiClient, str]],
    text: str,
) -> None:
    whole = page.get(reverse("board"), {"audience": text})
    shown = whole.content.decode()
    assert whole.status_code == 200
    assert audiences.ROW.findall(shown) == []
    assert REFUSED[text] in shown
    assert f'value="{html.escape(text)}"' in shown  # what was typed is kept
    assert on_board(page, text) == set()

    refused = page.post(reverse("send-create"), of_board_form(text))
    assert refused.status_code == 422
    assert REFUSED[text] in refused.content.decode()
    preview = page.post(reverse("board-preview"), of_board_form(text), headers=HTMX)
    assert "data-send-button disabled" in preview.content.decode().replace("\n", " ").replace(
        "  ", " "
    )
    newcomers = page.post(reverse("board-newcomers"), of_board_form(text, expected_plan="x"))
    assert "new chat" not in newcomers.content.decode()
    assert audiences.by_api(by_token(make_client("send")[1]), text) is None

    saved = page.post(
        reverse("saved-view-create"), {"name": "X", "audience": text, "sort": "queue"}
    )
    assert saved.status_code == 422
    assert REFUSED[text] in saved.content.decode()
    assert Send.objects.count() == 0


@pytest.mark.parametrize("nothing", ["", " ", "\u200b"])
def test_an_audience_that_got_lost_is_not_everybody(
    crowd: None, page: Client, hello: NoticeVersion, nothing: str
) -> None:
    answer = page.post(reverse("send-create"), of_board_form(nothing))
    assert answer.status_code == 422
    assert "Say which chats" in answer.content.decode()
    assert Send.objects.count() == 0


def test_more_than_an_audience_may_have_is_refused_together(crowd: None, page: Client) -> None:
    text = " ".join(f"queue:q{number}" for number in range(50))
    assert "can&#x27;t be used yet" not in page.get(reverse("board-rows"), {"audience": text})
    answer = page.get(reverse("board-rows"), {"audience": text, "queue": "billing"})
    assert "Use at most 50 conditions." in answer.content.decode()


@pytest.mark.parametrize("query", [{}, {"audience": "everyone"}])
def test_every_live_chat_is_said_with_its_count(
    crowd: None, page: Client, hello: NoticeVersion, query: dict[str, str]
) -> None:
    fields = of_board_form("everyone")
    fields["filters"] = urlencode(query | {"sort": "queue"})
    words = "This is for every live chat that you see: 5 chats."
    shown = page.post(reverse("board-preview"), fields, headers=HTMX).content.decode()
    assert words in shown
    fields["filters"] = "audience=queue:billing"
    shown = page.post(reverse("board-preview"), fields, headers=HTMX).content.decode()
    assert "every live chat" not in shown


# --- The builder ---------------------------------------------------------------------------------


def row(path: str, field: str, op: str, value: str = "", key: str = "") -> dict[str, str]:
    said = {"field": field, "op": op, "value": value, **({"key": key} if key else {})}
    return {f"{name}:{path}": each for name, each in said.items()}


def built(page: Client, **given: str) -> tuple[str, str]:
    """The text that the rows make, and the answer."""
    answer = page.get(reverse("board-audience"), given, headers=HTMX)
    assert answer.status_code == 200
    assert json.loads(answer.headers["HX-Trigger-After-Swap"]) == {"audience": {}}
    shown = answer.content.decode()
    text = re.search(r'id="audience-text"\s+name="audience"\s+value="([^"]*)"', shown)
    assert text is not None
    return html.unescape(text[1]), shown


def test_rows_become_a_text(page: Client, team: Team) -> None:
    rows = {
        "any:r": "all",
        **row("r.0", "queue", "is", 'billing, "Card, payments"'),
        **row("r.1", "data", "at_least", "100", key="Order No"),
        **row("r.2", "agent", "missing"),
        "any:r.3": "any",
        "not:r.3": "on",
        **row("r.3.0", "team", "is", "Sales"),
        **row("r.3.1", "customer", "contains", "Zoë M"),
        **row("r.4", "text", "contains", "or"),
        **row("r.5", "online", "is", "false"),
    }
    text, shown = built(page, **rows)
    assert text == (
        'queue:billing,"Card, payments" data."Order No">=100 no:agent '
        'not (team:Sales or customer~"Zoë M") "or" online:false'
    )
    assert "field__error builder__problem" not in shown
    assert Audience.from_text(text)


def test_a_row_without_a_value_is_no_condition_that_is_left_out(crowd: None, page: Client) -> None:
    text, _shown = built(page, **row("r.0", "agent", "is", "Bob"), do="add:r")
    assert text == 'agent:Bob queue:""'
    assert on_board(page, text) == set()
    text, shown = built(page, **row("r.0", "agent", "is", "Bob"), **row("r.1", "queue", "is"))
    assert "queue is empty: give a value, or leave it out." in shown
    text, _shown = built(page, **row("r.0", "data", "is", "gold"))
    assert text == 'data."":gold'
    assert on_board(page, text) == set()


def test_groups_come_and_go(page: Client) -> None:
    one = row("r.0", "agent", "is", "Bob")
    assert built(page, **one, do="group:r")[0] == 'agent:Bob queue:""'
    two = {**one, "any:r.1": "any", **row("r.1.0", "queue", "is", "a")}
    text, _ = built(page, **two, **row("r.1.1", "queue", "is", "b"))
    assert text == "agent:Bob (queue:a or queue:b)"
    assert built(page, **two, do="remove:r.1.0")[0] == "agent:Bob"
    assert built(page, **two, do="remove:r.1")[0] == "agent:Bob"
    assert built(page, **one, do="remove:r.0")[0] == ""
    assert built(page, do="remove:r")[0] == ""


def test_ids_stay_with_their_rows(page: Client) -> None:
    rows = {
        "id:r.0": "aa",
        **row("r.0", "queue", "is", "a"),
        "id:r.1": "bb",
        **row("r.1", "queue", "is", "b"),
    }
    _text, shown = built(page, **rows, do="remove:r.0")
    assert re.search(r'id="value-bb"\s+name="value:r\.0"\s+value="b"', shown)
    assert "value-aa" not in shown


TYPED = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
INPUTS = st.dictionaries(
    st.builds(
        lambda what, path: f"{what}:r{path}",
        st.sampled_from(["id", "any", "not", "field", "key", "op", "value"]),
        st.sampled_from(["", ".0", ".1", ".1.0", ".1.1", ".2", ".7", ".7.3.1"]),
    ),
    st.one_of(st.sampled_from([*FIELDS, *Op.values, "missing", "any", "on"]), TYPED),
    max_size=25,
)
STEPS = st.sampled_from(["", "add:r", "group:r", "add:r.1", "group:r.1", "remove:r.1", "x", "add:"])


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(inputs=INPUTS, do=STEPS)
def test_whatever_the_inputs_are_the_text_says_what_the_rows_say(
    supervisor: User, inputs: dict[str, str], do: str
) -> None:
    actor = supervisor.to_actor()
    made = builder.of_inputs(actor, {**inputs, "do": do})
    again = builder.of_text(actor, made.text)
    assert again.refusal == ""
    assert again.text == made.text
    if made.text:
        assert draft_text(read_draft(made.text)) == made.text
        fresh = any(part.is_new for part in rows_in(made.rows))
        try:
            Audience.from_text(made.text).to_condition(actor)
        except Exception:
            assert again.problem or fresh or len(made.text) > 4000
        else:
            assert made.problem == again.problem == ""


def rows_in(part: Any) -> list[builder.Row]:
    if isinstance(part, builder.Row):
        return [part]
    return [each for member in part.members for each in rows_in(member)]


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(node=NEAR_NODES)
def test_the_text_and_the_rows_are_the_same_audience(supervisor: User, node: Node) -> None:
    """Through the inputs of the page, and back."""
    actor = supervisor.to_actor()
    text = Audience(node).to_text()
    shown = builder.of_text(actor, text)
    inputs: dict[str, str] = {}
    for part in parts_in(shown.rows):
        inputs[f"id:{part.path}"] = part.id
        if part.is_not:
            inputs[f"not:{part.path}"] = "on"
        if isinstance(part, builder.Rows):
            inputs[f"any:{part.path}"] = "any" if part.is_any else "all"
        else:
            inputs |= row(part.path, part.of.name, part.op, part.value, part.key)
    made = builder.of_inputs(actor, inputs)
    plain = plain_of(Audience.from_text(text).root)
    assert plain_of(Audience.from_text(made.text).root) == plain


def parts_in(part: Any) -> list[Any]:
    inside = part.members if isinstance(part, builder.Rows) else []
    return [part, *(each for member in inside for each in parts_in(member))]


def plain_of(node: Node) -> Node:
    """Without what is denied twice, which the rows can't show."""
    if isinstance(node, Not):
        inner = plain_of(node.member)
        return inner.member if isinstance(inner, Not) else Not(inner)
    if isinstance(node, Group):
        return Group(tuple(map(plain_of, node.members)), node.is_any)
    return node


def test_a_text_changes_the_rows(page: Client) -> None:
    shown = page.get(reverse("board-audience"), {"audience": "queue:a (agent:b or no:team)"})
    assert shown.content.decode().count("builder__row") == 3
    broken = page.get(reverse("board-audience"), {"audience": "queue:a (agent:b"}).content.decode()
    assert "A closing parenthesis is missing" in broken
    assert "builder__row" not in broken
    whole = page.get(reverse("board-audience"), {"audience": "everyone"}).content.decode()
    assert "Every live chat. Add a condition" in whole


def test_a_draft_is_never_an_audience() -> None:
    node = read_draft('queue:"" or data."":x')
    assert isinstance(node, Group)
    assert all(isinstance(member, Draft) for member in node.members)
    assert isinstance(read_draft("everyone"), Everyone)


# --- What is suggested ---------------------------------------------------------------------------


def test_keys_and_values_that_live_chats_have(
    page: Client, supervisor: User, outsider: User, make_interaction: Make
) -> None:
    for number in range(3):
        make_interaction(f"gold{number}", queue="sales", user_data={"Plan": "gold"})
    make_interaction("silver", queue="billing", user_data={"Plan": "silver", "Late": "7"})
    ended = make_interaction("ended", user_data={"Plan": "bronze", "Gone": "1"})
    Interaction.objects.filter(pk=ended.pk).update(ended_at=ended.received_at)

    def suggested(client: Client, **query: str) -> list[tuple[str, str]]:
        shown = client.get(reverse("board-suggestions"), query).content.decode()
        found = re.findall(r'value="([^"]*)"\s+label="([^"]*)"', shown)
        return [(value, label.split(" · ")[-1]) for value, label in found]

    assert suggested(page, field="data", key="Plan") == [("gold", "3 chats"), ("silver", "1 chat")]
    assert suggested(page, field="data", key="Plan", **{"value:r.0": "SIL"}) == [
        ("silver", "1 chat")
    ]
    keys = dict(suggested(page, field="keys"))
    assert keys["Plan"] == "4 chats"
    assert keys["Late"] == "1 chat"
    assert "Gone" not in keys
    assert suggested(page, field="keys", **{"key:r.0": "lat"}) == [("Late", "1 chat")]
    assert suggested(page, field="queue") == [("sales", "3 chats"), ("billing", "1 chat")]
    assert suggested(page, field="team") == [("Sales", "3 chats")]
    assert suggested(page, field="nothing") == suggested(page) == []
    # Nobody learns of values in chats that they do not see.
    other = field_values(outsider.to_actor(), "data", "Plan")
    assert [(each.value, each.number) for each in other] == [("silver", 1)]


def test_suggestions_are_bounded(supervisor: User, make_interaction: Make) -> None:
    long = {"Long": "x" * 101, "k" * 101: "1"}
    for number in range(SUGGESTED_MOST + 10):
        make_interaction(user_data={f"Key{number}": "1", "Many": f"v{number}", **long})
    actor = supervisor.to_actor()
    assert len(user_data_keys(actor)) == len(field_values(actor, "data", "Many")) == SUGGESTED_MOST
    assert field_values(actor, "data", "Long") == []
    assert user_data_keys(actor, "kkk") == []


def test_earlier_sends_are_suggested_to_those_who_see_them(
    page: Client, make_send: Callable[..., Send], outsider: User, browse: Callable[..., Client]
) -> None:
    send = make_send()
    shown = page.get(reverse("board-suggestions"), {"field": "received"}).content.decode()
    assert f'value="send/{send.pk}"' in shown
    assert f'value="notice/{send.version.notice.key}"' in shown
    other = browse(outsider).get(reverse("board-suggestions"), {"field": "received"})
    assert f"send/{send.pk}" not in other.content.decode()


# --- Follow-ups ----------------------------------------------------------------------------------


def test_a_send_leads_to_those_who_got_it_and_to_those_who_may_not_have(
    page: Client, make_send: Callable[..., Send], make_interaction: Make, hello: NoticeVersion
) -> None:
    chats = [make_interaction().pk for _ in range(5)]
    send = make_send(chats)
    for status in ("delivered", "delivered", "failed", "unknown"):
        end(send, status)
    got = [d.interaction_id for d in send.deliveries.filter(status="delivered")]
    Interaction.objects.filter(pk=got[0]).update(ended_at="2026-01-01T00:00:00Z")

    shown = page.get(reverse("send-detail", args=[send.pk])).content.decode()
    links = [html.unescape(url) for url in re.findall(r'href="(/board/\?audience=[^"]+)"', shown)]
    assert "Write to those who got it" in shown
    assert "1 live chat" in shown
    assert "Write to those whose outcome is unknown or failed" in shown
    assert "2 live chats" in shown
    assert len(links) == 2
    for link, expected in zip(links, [{got[1]}, {chats[2], chats[3]}], strict=True):
        board = page.get(link).content.decode()
        assert set(audiences.ROW.findall(board)) == expected
        # Ready to compose: all of them are chosen.
        filters = re.search(r'name="filters"\s+value="([^"]+)"', board)
        assert filters is not None
        assert re.search(r'name="everything"\s+value="1"', board)
        fields = of_board_form("") | {"filters": html.unescape(filters[1])}
        page.post(reverse("send-create"), fields | {"idempotency_key": link})
        sent = Send.objects.order_by("pk").last()
        assert sent is not None
        assert set(sent.deliveries.values_list("interaction_id", flat=True)) == expected


def test_nothing_to_follow_up_is_said(
    page: Client, make_send: Callable[..., Send], browse: Callable[..., Client], auditor: User
) -> None:
    send = make_send()
    address = reverse("send-detail", args=[send.pk])
    assert "Write to" not in page.get(address).content.decode()
    end(send, "delivered")
    Interaction.objects.update(ended_at="2026-01-01T00:00:00Z")
    assert "none of their chats is live any more" in page.get(address).content.decode()
    # It is not for those who can't send.
    assert "Write to" not in browse(auditor).get(address).content.decode()


@pytest.mark.parametrize(
    "query", ["select=all", "select=all&audience=", "select=all&audience=queue:"]
)
def test_nothing_is_chosen_by_an_address_that_says_no_chats(
    page: Client, make_interaction: Make, hello: NoticeVersion, query: str
) -> None:
    make_interaction()
    board = page.get(f"{reverse('board')}?select=all{query}").content.decode()
    assert re.search(r'name="everything"\s+value=""', board)


# --- The last notice -----------------------------------------------------------------------------


def test_a_row_has_the_last_notice_that_its_customer_may_have_seen(
    page: Client,
    make_send: Callable[..., Send],
    make_interaction: Make,
    make_notice: Callable[..., NoticeVersion],
    supervisor: User,
) -> None:
    chat = make_interaction("a1").pk

    def last() -> str:
        shown = page.get(reverse("board-rows")).content.decode()
        cell = shown.split('<td class="col--last">')[1].split("</td>")[0]
        return " ".join(re.sub("<[^>]*>", " ", cell).split())

    assert last() == "–"
    first = make_send([chat])
    assert last() == "–"  # it has not left yet
    end(first, "delivered")
    title = first.version.notice.title
    assert last().startswith(title)
    inside = factories.make_send(supervisor, make_notice(visibility="INT").notice.key, [chat])
    end(inside, "delivered")
    failed = factories.make_send(supervisor, make_notice().notice.key, [chat])
    end(failed, "failed")
    assert last().startswith(title)
    unknown = factories.make_send(supervisor, make_notice(key="later").notice.key, [chat])
    end(unknown, "unknown")
    assert last().startswith(unknown.version.notice.title)
