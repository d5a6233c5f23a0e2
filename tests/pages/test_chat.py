"""The page of one chat, by whom it is seen and what it says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.accounts.services import team_create
from console.actors import Actor
from console.catalogue.models import CannedNotice
from console.interactions.models import Interaction
from console.interactions.services import feed_apply
from console.sends.control.erasure import interaction_erase
from console.sends.evidence.people import delivery_witness
from console.sends.models import LateAnswer, Send
from console.sends.timeline import chat_timeline
from tests.pages.conftest import end
from tests.support.factories import ROOT, make_send, upsert
from tests.support.working import changing_what_has_ended

pytestmark = pytest.mark.django_db

Browse = Callable[..., Client]


@pytest.fixture
def chat(team: Any, chat_server: Any, make_interaction: Any) -> Interaction:
    return make_interaction("c1", queue="sales", user_data={"Order": {"No": 7}, "Tier": "gold"})


def page(client: Client, chat: str = "c1", **query: str) -> str:
    answer = client.get(reverse("chat-detail", args=[chat]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def over(send: Send, status: str, **outcome: Any) -> Any:
    return end(send, status, **outcome)


def test_it_says_what_the_chat_is(chat: Interaction, supervisor: User, browse: Browse) -> None:
    html = page(browse(supervisor))
    for word in ("Zoë Martin", "c1", "sales", "ann", "chat-east", "Online", "Tier", "gold"):
        assert word in html
    assert "&quot;No&quot;: 7" in html
    assert "Nothing has been sent to it yet, and nothing waits for it." in html
    assert "Last lines" not in html  # the site keeps none


def test_other_teams_do_not_find_it(chat: Interaction, outsider: User, browse: Browse) -> None:
    client = browse(outsider)
    for name in ("chat-detail", "chat-now"):
        answer = client.get(reverse(name, args=["c1"]))
        assert answer.status_code == 404
        assert "Zoë" not in answer.content.decode()
    assert client.get(reverse("chat-detail", args=["nowhere"])).status_code == 404


def test_a_lost_team_takes_it_away_at_once(
    chat: Interaction, supervisor: User, browse: Browse
) -> None:
    client = browse(supervisor)
    page(client)
    supervisor.teams.clear()
    assert client.get(reverse("chat-now", args=["c1"])).status_code == 404


# --- What was sent to it -------------------------------------------------------------------------


def test_ones_own_sends_stand_there_with_text_and_outcome(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    make_notice("Hello {{ data.FirstName }}, from us.", key="hello")
    done = make_send(supervisor, "hello", ["c1"])
    over(done, "delivered")
    later = timezone.now() + timedelta(hours=2)
    waiting = make_send(supervisor, "hello", ["c1"], scheduled_at=later)
    html = page(browse(supervisor))

    assert html.count("Hello Zoë, from us.") == 2
    assert "Waits for this chat" in html
    assert html.index("Waits for this chat") < html.index("Sent to this chat")
    assert reverse("send-detail", args=[waiting.pk]) in html
    assert reverse("delivery-detail", args=[done.deliveries.get().pk]) in html
    assert "It can be stopped there." in html


def test_sends_to_it_are_there_whatever_chat_server_it_was_on(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    make_notice("One.", key="hello")
    over(make_send(supervisor, "hello", ["c1"]), "delivered")
    feed_apply(ROOT, [upsert("c1", queue="sales", user_data={"ChatServerAppName": "chat-west"})])
    html = page(browse(supervisor))
    sent = html[html.index("Sent to this chat") :]
    assert "chat-east" in sent
    assert "chat-west" in html


def test_others_sends_are_known_without_their_text(
    chat: Interaction, supervisor: User, make_user: Any, team: Any, make_notice: Any, browse: Browse
) -> None:
    """As the history has it: their texts are for their senders, and for its readers."""
    colleague = make_user("cora", "supervisor", teams=[team])
    for visibility in ("ALL", "INT", "VIP"):
        make_notice(f"Secret {visibility} {{{{ data.Tier }}}}.", key=f"n-{visibility.lower()}")
        send = make_send(colleague, f"n-{visibility.lower()}", ["c1"], visibility=visibility)
        over(send, "failed", fault_text="Fault of theirs", reason="refused")
    html = page(browse(supervisor))

    assert html.count("Cora") >= 3
    assert "Notice n-vip" in html
    assert "Failed" in html
    theirs = send.deliveries.get().pk
    for secret in ("gold.", "Fault of theirs", f"/history/{theirs}/", f"/sends/{send.pk}/"):
        assert secret not in html
    assert "Secret VIP gold." in page(browse(colleague))


def test_a_reader_of_the_history_reads_all(
    chat: Interaction, supervisor: User, make_user: Any, team: Any, make_notice: Any, browse: Browse
) -> None:
    make_notice("Secret.", key="hello")
    over(make_send(supervisor, "hello", ["c1"]), "delivered")
    both = make_user("rita", "supervisor", "auditor", teams=[team])
    assert "Secret." in page(browse(both))


def test_another_teams_notice_is_not_named(
    chat: Interaction,
    supervisor: User,
    make_user: Any,
    team: Any,
    make_notice: Any,
    browse: Browse,
) -> None:
    """A chat in a queue of no team is everybody's; what is said in it need not be."""
    Interaction.objects.update(team=None)
    others = team_create(ROOT, name="Others", queues=[])
    version = make_notice("Secret.", key="fraud", visibility="VIP")
    CannedNotice.objects.filter(pk=version.notice.pk).update(team=others, title="Suspected fraud")
    theirs = make_user("cora", "supervisor", teams=[others])
    over(make_send(theirs, "fraud", ["c1"]), "delivered")
    html = page(browse(supervisor))
    assert "A notice of another team" in html
    assert "fraud" not in html
    assert "Suspected fraud" in page(browse(theirs))
    (seen,) = chat_timeline(supervisor.to_actor(), chat)
    assert "fraud" not in repr(seen)


def test_the_selector_gives_no_delivery_to_who_may_not_read_it(
    chat: Interaction, supervisor: User, make_user: Any, team: Any, make_notice: Any
) -> None:
    make_notice("Secret.", key="hello")
    make_send(supervisor, "hello", ["c1"])
    colleague = make_user("cora", "supervisor", teams=[team])
    (theirs,) = chat_timeline(colleague.to_actor(), chat)
    assert theirs.delivery is None
    assert "Secret" not in repr(theirs)
    (own,) = chat_timeline(supervisor.to_actor(), chat)
    assert own.delivery is not None


def test_an_unknown_one_has_its_words_its_late_answer_and_its_evidence(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    make_notice("Hello.", key="hello")
    delivery = over(
        make_send(supervisor, "hello", ["c1"]), "unknown", reason="no_answer", attempts=1
    )
    LateAnswer.objects.create(
        delivery=delivery, at=timezone.now(), status="delivered", seconds=12.5, reference_id=1
    )
    delivery_witness(
        supervisor.to_actor(), delivery, verdict="delivered", remark="Seen.", looked_in="agent"
    )
    html = page(browse(supervisor))
    assert "Chat Server took the request and did not answer. The customer may have seen it." in html
    assert "Chat Server took it 12.5 seconds after it was sent." in html
    assert "who sent it, says so. Where: An agent" in html
    assert "Was delivered, by evidence" in html


def test_an_ended_chat_says_so_and_offers_no_composing(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    make_notice("Hello.", key="hello")
    over(make_send(supervisor, "hello", ["c1"]), "delivered")
    feed_apply(ROOT, [upsert("c1", type="stopped", queue="sales")])
    html = page(browse(supervisor))
    assert "The chat has ended, so nothing can be sent to it any more." in html
    assert "compose-panel" not in html.replace('href="#compose-panel"', "")
    assert "Hello." in html

    with changing_what_has_ended():
        interaction_erase(ROOT, interaction_id="c1")
    html = page(browse(supervisor))
    assert "The text is erased." in html
    assert "The chat carries none, or it was erased." in html
    for gone in ("Hello.", "Zoë", "gold"):
        assert gone not in html


def test_a_test_chat_offers_no_composing(
    supervisor: User, make_interaction: Any, browse: Browse
) -> None:
    make_interaction("t1", test=True)
    html = page(browse(supervisor), "t1")
    assert "This is a test chat." in html
    assert 'id="compose"' not in html


# --- Composing, and the deep link ----------------------------------------------------------------


def test_composing_is_for_this_chat_and_a_notice_can_be_named(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    make_notice("Hello.", key="hello")
    html = page(browse(supervisor), notice="hello")
    assert 'name="interactions" value="c1"' in " ".join(html.split())
    assert 'data-keeps="compose c1"' in html
    chosen = " ".join(html[html.index('value="hello"') :][:200].split())
    assert chosen.startswith('value="hello" checked')


@pytest.mark.parametrize("key", ["nowhere", "retired", "<b>x</b>", "x" * 3000, "a%00"])
def test_a_notice_that_can_not_be_chosen_is_said_and_nothing_is_lost(
    key: str, chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    from console.catalogue.content.notices import notice_retire

    make_notice("Hello.", key="hello")
    notice_retire(ROOT, make_notice("Old.", key="retired").notice)
    html = page(browse(supervisor), notice=key)
    assert "can&#x27;t be sent by you now. Choose another one." in html
    assert "<b>x</b>" not in html
    assert 'id="compose"' in html
    assert "Zoë Martin" in html


def test_a_teams_notice_of_others_is_not_chosen(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    version = make_notice("Hello.", key="hello")
    others = team_create(ROOT, name="Others", queues=[])
    CannedNotice.objects.filter(pk=version.notice.pk).update(team=others)
    html = page(browse(supervisor), notice="hello")
    assert "can&#x27;t be sent by you now" in html


def test_a_send_from_the_page_offers_another_for_the_same_chat(
    chat: Interaction, supervisor: User, make_notice: Any, browse: Browse
) -> None:
    make_notice("Hello.", key="hello")
    client = browse(supervisor)
    form = {"notice": "hello", "interactions": "c1", "chat": "c1", "idempotency_key": "k"}
    sent = client.post(reverse("send-create"), form, headers={"HX-Request": "true"})
    assert Send.objects.get().target == {"interactions": ["c1"]}
    again = reverse("board-compose") + "?chat=c1"
    assert again in sent.content.decode()
    panel = client.get(again, headers={"HX-Request": "true"}).content.decode()
    assert 'name="interactions" value="c1"' in " ".join(panel.split())


# --- Lines ---------------------------------------------------------------------------------------


@pytest.fixture
def lines(chat: Interaction, settings: Any) -> None:
    settings.TRANSCRIPT_LINES = 5
    start = datetime(2026, 1, 31, 12, tzinfo=UTC)
    told = [
        {
            "at": (start + timedelta(seconds=number)).isoformat(),
            "party": "agent",
            "nickname": "Ann",
            "text": f"line for {visibility}",
            "visibility": visibility,
        }
        for number, visibility in enumerate(("ALL", "INT", "VIP"))
    ]
    event = {"type": "transcript", "occurred_at": start.isoformat(), "interaction": {"id": "c1"}}
    feed_apply(ROOT, [event | {"lines": told}])


def test_the_last_lines_stand_there_each_in_its_form(
    lines: None, supervisor: User, browse: Browse
) -> None:
    html = page(browse(supervisor))
    assert "line for ALL" in html
    for visibility in ("INT", "VIP"):
        assert f"edge edge--{visibility}" in html
        assert f"line for {visibility}" in html


def test_beside_compose_stand_those_of_the_one_chosen_chat(
    lines: None, supervisor: User, make_notice: Any, make_interaction: Any, browse: Browse
) -> None:
    make_interaction("c2", queue="sales")
    client = browse(supervisor)
    url, htmx = reverse("board-preview"), {"HX-Request": "true"}

    def beside(**form: Any) -> bool:
        return "line for ALL" in client.post(url, form, headers=htmx).content.decode()

    assert beside(interaction=["c1"])
    assert not beside(interaction=["c1", "c2"])
    assert not beside(interaction=["c2"])
    assert not beside(everything="1", interaction=["c1"])
    assert not beside(interaction=["c1"], chat="c1")  # the page of the chat has them already


def test_beside_compose_stand_none_of_another_teams_chat(
    lines: None, outsider: User, browse: Browse
) -> None:
    answer = browse(outsider).post(
        reverse("board-preview"), {"interaction": ["c1"]}, headers={"HX-Request": "true"}
    )
    assert "line for" not in answer.content.decode()


def test_no_line_leaves_by_any_other_door(
    lines: None,
    supervisor: User,
    make_user: Any,
    make_client: Any,
    make_notice: Any,
    browse: Browse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the API, nor the history, its export, the ledger, webhooks or logs have one."""
    from console.audit.models import AuditEntry
    from console.webhooks.models import Message
    from tests.support.calling import by_token

    make_notice("Hello.", key="hello")
    over(make_send(supervisor, "hello", ["c1"]), "delivered")
    _client, token = make_client()
    call = by_token(token)
    reader = browse(make_user("rita", "auditor", "administrator", "editor", "approver"))
    seen = [
        *(str(call("GET", path)[1]) for path in ("interactions/", "interactions/c1/")),
        *(str(call("GET", path)[1]) for path in ("deliveries/", "sends/", "audit/entries/")),
        *(reader.get(reverse(name)).content.decode() for name in ("history", "audit")),
        "".join(map(str, reader.post(reverse("history-export")))),
        str(list(AuditEntry.objects.values())),
        str(list(Message.objects.values())),
        caplog.text,
    ]
    assert "Hello." in seen[2]
    for text in seen:
        assert "line for" not in text


def test_whoever_is_no_supervisor_gets_none_for_staff(lines: None, chat: Interaction) -> None:
    from console.interactions.selectors import transcript_seen

    clerk = Actor(
        "user:9", "Clerk", ROOT.permissions, roles=frozenset({"approver"}), sees_all_teams=True
    )
    assert [line.text for line in transcript_seen(clerk, chat)] == ["line for ALL"]


# --- Ways to it ----------------------------------------------------------------------------------


def test_board_history_and_send_lead_to_it(
    chat: Interaction, supervisor: User, make_notice: Any, auditor: User, browse: Browse
) -> None:
    make_notice("Hello.", key="hello")
    send = make_send(supervisor, "hello", ["c1"])
    delivery = send.deliveries.get()
    way = f'href="{reverse("chat-detail", args=["c1"])}"'
    ways = [
        reverse("board"),
        reverse("history"),
        reverse("send-detail", args=[send.pk]),
        reverse("delivery-detail", args=[delivery.pk]),
    ]
    client = browse(supervisor)
    assert [way in client.get(url).content.decode() for url in ways] == [True] * 4
    reader = browse(auditor)  # who may not see chats
    assert [way in reader.get(url).content.decode() for url in ways[1:]] == [False] * 3


def test_an_id_with_odd_letters_has_its_page(
    supervisor: User, make_interaction: Any, browse: Browse
) -> None:
    make_interaction("a&b#c?d=%e")
    html = page(browse(supervisor), "a&b#c?d=%e")
    assert "of-chat-a&amp;b#c?d=%e" in html
