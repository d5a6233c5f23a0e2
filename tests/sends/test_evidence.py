"""An unknown delivery is closed by evidence, which stands beside its first record."""

import csv
import json
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import ROLE_PERMISSIONS, Role
from console.accounts.services import api_client_create
from console.audit import verify
from console.audit.actions import Action
from console.audit.chain import text_digest
from console.audit.checkpoints import public_key
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_update
from console.sends.control.approval import send_approve
from console.sends.control.erasure import interaction_erase
from console.sends.control.retry import send_retry_unknown
from console.sends.engine.late_answers import LateEnding, late_answers_record
from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.evidence import transcripts
from console.sends.evidence.people import delivery_witness
from console.sends.evidence.transcripts import transcript_lines_note
from console.sends.evidence_models import Evidence, Resolution
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send
from console.sends.observe.outcome_counts import outcomes_count
from console.sends.proof.issue import send_prove
from console.sends.selectors import WITNESSES
from tests.sends.peopled import make_first_send, make_people
from tests.support.calling import Caller, by_token
from tests.support.demos import until
from tests.support.factories import ROOT
from tests.support.scraping import scrape
from tests.support.shared_world import shared_world
from tests.support.simulators import Simulator
from tests.support.working import (
    assert_ledger_agrees,
    changing_what_has_ended,
    drain,
    last_entry,
    leased_step,
    statuses,
)

pytestmark = pytest.mark.django_db
SAW: dict[str, Any] = {"looked_in": "transcript", "remark": "I read the chat."}
THERE: dict[str, Any] = {"verdict": "delivered", **SAW}
MISSING: dict[str, Any] = {"verdict": "not_delivered", **SAW}
Browse = Callable[[User], Client]


@pytest.fixture
def notice(make_notice: Any) -> str:
    """The key of one that chats see under a name."""
    key: str = make_notice("Hello {{ data.FirstName }}", nickname="Team Blue").notice.key
    return key


def make_unknown() -> dict[str, Any]:
    people = make_people()
    send = make_first_send(people["supervisor"], 3, nickname="Team Blue")
    claimed = claimed_of(send)
    connection.check_constraints()  # what waits to be checked keeps tables from being changed
    return {**people, "unknown": send, "claimed": claimed}


peopled = shared_world("peopled", make_unknown)


@pytest.fixture
def unknown(peopled: dict[str, Any]) -> Send:
    """Sue's send to three chats, whose deliveries all ended as unknown."""
    CLAIMED.update(peopled["claimed"])
    send: Send = peopled["unknown"]
    return send


@pytest.fixture
def program(make_client: Any) -> Callable[..., Caller]:
    return lambda *scopes: by_token(make_client(*scopes, name="-".join(scopes))[1])


CLAIMED: dict[int, ClaimedDelivery] = {}


def claimed_of(send: Send) -> dict[int, ClaimedDelivery]:
    server = ChatServer.objects.get()
    claimed = leased_step(server, claim=uuid4(), room=10).claimed
    CLAIMED.update({each.id: each for each in claimed})
    leased_step(server, endings=[Ending(each, DeliveryStatus.UNKNOWN) for each in claimed])
    assert statuses(send) == {"unknown": len(claimed)}
    return {each.id: each for each in claimed}


def answer_late(delivery: Delivery, status: DeliveryStatus) -> None:
    late_answers_record([LateEnding(Ending(CLAIMED[delivery.pk], status), 4.0)])


def first(send: Send) -> Delivery:
    return send.deliveries.earliest("pk")


def stands(delivery: Delivery) -> tuple[str, str, bool] | None:
    found = Resolution.objects.filter(delivery=delivery).first()
    return (found.verdict, found.source, found.is_contested) if found else None


# --- A person who looked -------------------------------------------------------------------------


def test_a_person_says_what_they_saw(unknown: Send, supervisor: User) -> None:
    delivery = first(unknown)
    before = Delivery.objects.filter(pk=delivery.pk).values().get()
    found = delivery_witness(supervisor.to_actor(), delivery, **THERE)
    assert stands(delivery) == ("delivered", "person", False)
    assert Delivery.objects.filter(pk=delivery.pk).values().get() == before
    assert found.is_senders_own
    entry = last_entry(Action.DELIVERIES_RESOLVED)
    assert entry.actor_name == supervisor.to_actor().name
    assert entry.data["deliveries"] == [
        {
            "id": delivery.pk,
            "interaction": delivery.interaction_id,
            "evidence": found.pk,
            "source": "person",
            "verdict": "delivered",
            "resolution": "delivered",
            "senders_own": True,
            "looked_in": "transcript",
            "remark_sha256": text_digest("I read the chat.", found.remark_salt),
        }
    ]
    assert "I read" not in json.dumps(entry.data)
    assert_ledger_agrees()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"verdict": "perhaps"}, "invalid_verdict"),
        ({"looked_in": ""}, "invalid_place"),
        ({"remark": " \u200b "}, "remark_missing"),
        ({"remark": "x" * 2001}, "remark_too_long"),
        ({"verdict": "withdrawn"}, "nothing_to_withdraw"),
    ],
)
def test_what_is_missing_is_named(
    unknown: Send, supervisor: User, given: dict[str, str], code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        delivery_witness(supervisor.to_actor(), first(unknown), **{**THERE, **given})
    assert refusal.value.code == code
    assert not Evidence.objects.exists()


def test_a_word_is_corrected_and_withdrawn_and_never_edited(
    unknown: Send, supervisor: User, make_user: Callable[..., User]
) -> None:
    sue, delivery = supervisor.to_actor(), first(unknown)
    word = delivery_witness(sue, delivery, **MISSING)
    with pytest.raises(Conflict, match="Correct or withdraw"):
        delivery_witness(sue, delivery, **THERE)
    corrected = delivery_witness(sue, delivery, **THERE, replaces=word.pk)
    assert stands(delivery) == ("delivered", "person", False)
    with pytest.raises(Conflict, match="nobody has replaced"):
        delivery_witness(sue, delivery, **MISSING, replaces=word.pk)
    delivery_witness(sue, delivery, verdict="withdrawn", remark="Wrong chat", replaces=corrected.pk)
    assert stands(delivery) is None
    assert last_entry(Action.DELIVERIES_RESOLVED).data["deliveries"][0]["resolution"] == ""
    verdicts = list(delivery.evidence.values_list("verdict", flat=True))
    assert verdicts == ["not_delivered", "delivered", "withdrawn"]
    # Another one's word is none of this delivery's evidence.
    other = unknown.deliveries.latest("pk")
    with pytest.raises(NotFound):
        delivery_witness(sue, other, **THERE, replaces=word.pk)


def test_nobody_takes_back_what_another_said(
    unknown: Send, supervisor: User, make_user: Callable[..., User], browse: Browse
) -> None:
    """Otherwise a sender could withdraw what a colleague saw, and send it again."""
    sam, delivery = make_user("sam", Role.SUPERVISOR, Role.AUDITOR), first(unknown)
    word = delivery_witness(sam.to_actor(), delivery, **THERE)
    for given in (MISSING, {"verdict": "withdrawn", "remark": "Not so"}):
        with pytest.raises(PermissionRefused) as refusal:
            delivery_witness(supervisor.to_actor(), delivery, **given, replaces=word.pk)
        assert refusal.value.code == "not_your_word"
    page = browse(supervisor).get(reverse("delivery-detail", args=[delivery.pk])).text
    assert "Say what you saw" in page
    assert reverse("evidence-withdraw", args=[delivery.pk, word.pk]) not in page
    page = browse(sam).get(reverse("delivery-detail", args=[delivery.pk])).text
    assert reverse("evidence-withdraw", args=[delivery.pk, word.pk]) in page
    delivery_witness(supervisor.to_actor(), delivery, **MISSING)
    assert stands(delivery) == ("delivered", "person", True)


def test_a_person_and_their_api_client_have_one_word(unknown: Send, supervisor: User) -> None:
    delivery = first(unknown)
    _client, token = api_client_create(ROOT, name="sues", scopes=["send", "read"], owner=supervisor)
    program = by_token(token)
    said = program.post(f"deliveries/{delivery.pk}/evidence/", THERE)
    with pytest.raises(Conflict, match="Correct or withdraw"):
        delivery_witness(supervisor.to_actor(), delivery, **MISSING)
    (word,) = said["evidence"]
    delivery_witness(supervisor.to_actor(), delivery, **MISSING, replaces=word["id"])
    assert stands(delivery) == ("not_delivered", "person", False)


def test_only_unknown_deliveries_are_closed(
    chat_server: ChatServer, chats: Any, send_to: Any, supervisor: User
) -> None:
    send = send_to(chats(1))
    claimed = leased_step(chat_server, claim=uuid4(), room=1).claimed
    leased_step(chat_server, endings=[Ending(claimed[0], DeliveryStatus.DELIVERED)])
    with pytest.raises(Conflict, match="not unknown"):
        delivery_witness(supervisor.to_actor(), first(send), **THERE)


# --- Whose word counts ---------------------------------------------------------------------------


def test_who_may_say(
    unknown: Send,
    supervisor: User,
    approver: User,
    auditor: User,
    administrator: User,
    browse: Browse,
) -> None:
    """Who sends or approves, and sees the delivery. An auditor changes nothing."""
    for person in (auditor, administrator):
        with pytest.raises(PermissionRefused):
            delivery_witness(person.to_actor(), first(unknown), **THERE)
    url = reverse("delivery-seen", args=[first(unknown).pk])
    assert browse(supervisor).get(url).status_code == 200
    assert browse(auditor).get(url).status_code == 403
    assert browse(approver).get(url).status_code == 404


@pytest.mark.usefixtures("chat_server")
def test_what_needed_two_is_not_closed_by_its_sender_alone(
    chats: Any, send_to: Any, supervisor: User, approver: User, browse: Browse, settings: Any
) -> None:
    settings.APPROVAL_ABOVE = 1
    unknown = send_to(chats(2))
    send_approve(approver.to_actor(), unknown)
    claimed_of(unknown)
    delivery = first(unknown)
    with pytest.raises(PermissionRefused, match="somebody else") as refusal:
        delivery_witness(supervisor.to_actor(), delivery, **THERE)
    assert refusal.value.code == "own_work"
    page = browse(supervisor).get(reverse("delivery-detail", args=[delivery.pk])).text
    assert "Say what you saw" not in page
    page = browse(approver).get(reverse("delivery-detail", args=[delivery.pk])).text
    assert "Say what you saw" in page
    delivery_witness(approver.to_actor(), delivery, **THERE)
    assert stands(delivery) == ("delivered", "person", False)
    with pytest.raises(IntegrityError, match="own work"), transaction.atomic():
        Evidence.objects.create(
            delivery=unknown.deliveries.latest("pk"),
            at=timezone.now(),
            source="person",
            verdict="delivered",
            actor_ref=supervisor.to_actor().ref,
            actor_name="Sue",
        )


# --- Evidence that differs -----------------------------------------------------------------------


def test_a_persons_word_and_a_later_answer_both_stand(
    unknown: Send, supervisor: User, browse: Browse
) -> None:
    delivery = first(unknown)
    delivery_witness(supervisor.to_actor(), delivery, **MISSING)
    answer_late(delivery, DeliveryStatus.DELIVERED)
    assert stands(delivery) == ("delivered", "late_answer", True)
    assert delivery.evidence.count() == 2
    said = last_entry(Action.DELIVERIES_RESOLVED).data["deliveries"][0]
    assert (said["resolution"], said["contested"]) == ("delivered", True)
    page = browse(supervisor).get(reverse("delivery-detail", args=[delivery.pk])).text
    assert "The evidence differs" in page
    assert "Was not delivered" in page
    assert "Was delivered" in page
    # Whoever was wrong says so, and nothing differs any more.
    word = delivery.evidence.get(source="person")
    delivery_witness(supervisor.to_actor(), delivery, **THERE, replaces=word.pk)
    assert stands(delivery) == ("delivered", "late_answer", False)


def test_that_no_answer_came_is_no_evidence(unknown: Send) -> None:
    """A drain that is superseded hands over all that it has, also what got no answer."""
    delivery = first(unknown)
    answer_late(delivery, DeliveryStatus.UNKNOWN)
    assert stands(delivery) is None
    assert not delivery.late_answers.exists()


def test_what_a_machine_said_can_not_be_withdrawn(unknown: Send, supervisor: User) -> None:
    delivery = first(unknown)
    answer_late(delivery, DeliveryStatus.FAILED)
    assert stands(delivery) == ("not_delivered", "late_answer", False)
    (evidence,) = delivery.evidence.all()
    with pytest.raises(Conflict):
        delivery_witness(
            supervisor.to_actor(),
            delivery,
            verdict="withdrawn",
            remark="No",
            replaces=evidence.pk,
        )


def test_nothing_that_may_have_arrived_is_tried_again(
    unknown: Send, supervisor: User, browse: Browse
) -> None:
    one, two, three = unknown.deliveries.order_by("pk")
    sue = supervisor.to_actor()
    delivery_witness(sue, one, **THERE)
    delivery_witness(sue, two, **MISSING)
    delivery_witness(sue, three, **THERE)
    answer_late(three, DeliveryStatus.FAILED)
    assert stands(three) == ("not_delivered", "late_answer", True)
    page = browse(supervisor).get(reverse("send-retry-unknown", args=[unknown.pk])).text
    assert "2 others are left out" in page
    again = send_retry_unknown(sue, unknown, may_show_twice=True)
    assert [each.retry_of_id for each in again.deliveries.all()] == [two.pk]


def test_a_retry_that_waits_is_skipped_once_its_original_arrived(
    unknown: Send, supervisor: User
) -> None:
    """Nobody sends again what is known to have arrived, although somebody asked for that before."""
    one, two, three = unknown.deliveries.order_by("pk")
    sue = supervisor.to_actor()
    delivery_witness(sue, one, **MISSING)
    again = send_retry_unknown(sue, unknown, may_show_twice=True)
    assert statuses(again) == {"pending": 3}
    answer_late(one, DeliveryStatus.DELIVERED)
    answer_late(two, DeliveryStatus.FAILED)
    assert statuses(again) == {"skipped": 1, "pending": 2}
    skipped = again.deliveries.get(status=DeliveryStatus.SKIPPED)
    assert (skipped.interaction_id, skipped.reason) == (one.interaction_id, "recently_sent")
    assert "was delivered" in skipped.detail
    assert not Outbox.objects.filter(pk=skipped.pk).exists()
    # What is on its way is not called back.
    leased_step(ChatServer.objects.get(), claim=uuid4(), room=1)
    assert statuses(again) == {"skipped": 1, "sending": 1, "pending": 1}
    delivery_witness(sue, two, **THERE)
    delivery_witness(sue, three, **THERE)
    assert statuses(again) == {"skipped": 2, "sending": 1}
    assert_ledger_agrees()


# --- At the same moment ---------------------------------------------------------------------------


def in_thread(act: Callable[[], object]) -> threading.Thread:
    """Start it with a connection of its own."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def is_somebody_waiting() -> bool:
    """For this session: other tests of the same cluster wait too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks "
            "WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_retry_waits_for_the_evidence_that_comes_at_this_moment(
    unknown: Send, supervisor: User
) -> None:
    """Neither is sent twice, and neither ends the other by a deadlock."""
    found: list[object] = []

    def retry() -> None:
        try:
            found.append(send_retry_unknown(supervisor.to_actor(), unknown, may_show_twice=True))
        except Exception as error:
            found.append(error)

    with transaction.atomic():
        for delivery in unknown.deliveries.order_by("pk"):
            answer_late(delivery, DeliveryStatus.DELIVERED)
        thread = in_thread(retry)
        until(is_somebody_waiting)
    thread.join(60)
    (refusal,) = found
    assert isinstance(refusal, Conflict), refusal
    assert refusal.code == "nothing_to_retry"
    assert not unknown.retries.exists()


@pytest.mark.django_db(transaction=True)
def test_evidence_waits_for_the_retry_that_is_made_at_this_moment(
    unknown: Send, supervisor: User
) -> None:
    with transaction.atomic():
        again = send_retry_unknown(supervisor.to_actor(), unknown, may_show_twice=True)
        thread = in_thread(lambda: answer_late(first(unknown), DeliveryStatus.DELIVERED))
        until(is_somebody_waiting)
    thread.join(60)
    assert stands(first(unknown)) == ("delivered", "late_answer", False)
    assert statuses(again) == {"skipped": 1, "pending": 2}


# --- It is kept ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sends_evidence SET verdict = 'not_delivered'",
        "UPDATE sends_evidence SET remark = 'Something else'",
        "UPDATE sends_evidence SET actor_name = 'Somebody'",
        "DELETE FROM sends_evidence",
        "TRUNCATE sends_evidence CASCADE",
    ],
)
@pytest.mark.usefixtures("truncating_refused")
def test_postgresql_refuses_to_change_it(unknown: Send, supervisor: User, statement: str) -> None:
    delivery_witness(supervisor.to_actor(), first(unknown), **THERE)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with (
        pytest.raises(DatabaseError, match="is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_remark_is_erased_with_the_text(unknown: Send, supervisor: User) -> None:
    delivery = first(unknown)
    delivery_witness(supervisor.to_actor(), delivery, **THERE)
    Interaction.objects.update(ended_at=timezone.now())
    interaction_erase(ROOT, interaction_id=delivery.interaction_id)
    (evidence,) = delivery.evidence.all()
    assert (evidence.remark, evidence.remark_salt) == ("", "")
    assert stands(delivery) == ("delivered", "person", False)
    with pytest.raises(Conflict, match="erased"):
        delivery_witness(supervisor.to_actor(), delivery, **MISSING, replaces=evidence.pk)


# --- A line of the transcript --------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 5])
def test_a_line_in_an_event_of_the_feed_is_evidence_in_the_same_way(
    kept: int, unknown: Send, program: Callable[..., Caller], settings: Any
) -> None:
    """Whether or not the site keeps lines. An answer does not say what matched."""
    settings.TRANSCRIPT_LINES = kept
    one, other = unknown.deliveries.order_by("pk")[:2]
    feed = program("feed")

    def event(delivery: Delivery, **line: Any) -> dict[str, Any]:
        at = (delivery.attempted_at or timezone.now()) + timedelta(seconds=1)
        told = {"at": at.isoformat(), "party": "system", "nickname": "Team Blue"}
        told |= {"text": delivery.body, "visibility": "ALL"}
        chat = {"id": delivery.interaction_id}
        lines = [{**told, **line}]
        now = timezone.now().isoformat()
        return {"type": "transcript", "occurred_at": now, "interaction": chat, "lines": lines}

    future = (timezone.now() + timedelta(hours=1)).isoformat()
    for nothing in (
        event(other, nickname="Somebody"),
        event(other, text="Hello"),
        event(other, at=future),
    ):
        feed.post("interactions/events/", {"events": [nothing]}, status=202)
    assert stands(other) is None
    for _twice in range(2):
        answer = feed.post("interactions/events/", {"events": [event(one)]}, status=202)
    assert stands(one) == ("delivered", "transcript", False)
    assert one.evidence.count() == 1
    assert answer == {"accepted": bool(kept), "ignored": not kept, "rejected": []}
    assert_ledger_agrees()


@pytest.mark.django_db(transaction=True)
def test_a_line_that_the_feed_brings_closes_it(
    simulator: Simulator, chats: Any, send_to: Any, program: Any, notice: str
) -> None:
    """The text really is in the chat: the simulator took it, and did not answer."""
    chat_server_update(ROOT, ChatServer.objects.get(), request_timeout_seconds=0.3)
    simulator.faults(silent_every=1)
    send = send_to(chats(2), notice=notice)
    drain()
    assert statuses(send) == {"unknown": 2}
    one, two = send.deliveries.order_by("pk")
    lines = [
        {
            "interaction": one.interaction_id,
            "at": datetime.fromtimestamp(entry["at"], UTC).isoformat(),
            "nickname": entry["from"],
            "text": entry["text"],
        }
        for entry in simulator.transcript(one.interaction_id)
    ]
    feed = program("feed")
    answer = feed.post("interactions/transcript-lines/", {"lines": lines}, status=202)
    assert answer == {"accepted": len(lines), "rejected": []}
    assert stands(one) == ("delivered", "transcript", False)
    assert stands(two) is None
    feed.post("interactions/transcript-lines/", {"lines": lines}, status=202)
    assert one.evidence.count() == 1
    assert_ledger_agrees()


def note(*lines: dict[str, Any]) -> None:
    result = transcript_lines_note(ROOT, lines)
    assert (result.accepted, result.rejected) == (len(lines), [])


def line_of(delivery: Delivery, seconds: float = 1.0, **other: Any) -> dict[str, Any]:
    assert delivery.attempted_at is not None
    at = delivery.attempted_at + timedelta(seconds=seconds)
    said = {"interaction": delivery.interaction_id, "at": at.isoformat(), "text": delivery.body}
    return {**said, "nickname": "Team Blue", **other}


def test_another_line_proves_nothing(unknown: Send) -> None:
    delivery = first(unknown)
    note(
        line_of(delivery, -1.0),  # before the attempt
        line_of(delivery, text=delivery.body + " "),
        line_of(delivery, interaction="another"),
        line_of(delivery, nickname="Ann"),  # an agent repeated it
        line_of(delivery, nickname=""),
    )
    assert not Evidence.objects.exists()
    note(line_of(delivery))
    assert stands(delivery) == ("delivered", "transcript", False)


def test_a_line_under_no_name_proves_nothing(
    chat_server: ChatServer, chats: Any, send_to: Any
) -> None:
    """Nobody here knows the name under which Chat Server shows it then."""
    send = send_to(chats(1))
    claimed_of(send)
    note(line_of(first(send), nickname=""), line_of(first(send)))
    assert not Evidence.objects.exists()


def test_a_line_that_two_deliveries_can_have_brought_proves_neither(
    unknown: Send, send_to: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = first(unknown)
    again = send_to([delivery.interaction_id], notice=unknown.version.notice.key)
    claimed_of(again)
    assert first(again).body == delivery.body
    note(line_of(first(again)))
    assert not Evidence.objects.exists()
    # The clock of the chat may be late: one just before the second attempt may be the second's.
    later = first(again).attempted_at
    assert later is not None
    before = line_of(delivery, (later - delivery.attempted_at).total_seconds() / 2)
    note(before)
    assert not Evidence.objects.exists()
    # One long before it can only be the first one's.
    monkeypatch.setattr(transcripts, "CLOCKS_APART", timedelta(0))
    note(before)
    assert stands(delivery) == ("delivered", "transcript", False)


def test_an_erased_text_may_have_been_the_same(unknown: Send, send_to: Any) -> None:
    delivery = first(unknown)
    again = send_to([delivery.interaction_id], notice=unknown.version.notice.key)
    claimed_of(again)
    line = line_of(first(again))
    with changing_what_has_ended():
        Delivery.objects.filter(pk=delivery.pk).update(body="", erased_at=timezone.now())
    note(line)
    assert not Evidence.objects.exists()


LINE = {"interaction": "c0000", "at": "2026-01-31T12:00:00Z", "nickname": "Desk", "text": "x"}


@pytest.mark.parametrize(
    "line",
    [
        {name: value for name, value in LINE.items() if name != "text"},
        {name: value for name, value in LINE.items() if name != "nickname"},
        {**LINE, "at": "2026-01-31T12:00:00"},
        {**LINE, "at": "9999-12-31T23:59:59Z"},
        {**LINE, "at": 5},
        {**LINE, "interaction": "c" * 65},
        {**LINE, "text": "\0"},
        {**LINE, "nickname": 5},
        {**LINE, "from": "Ann"},
        "a line",
        None,
    ],
)
def test_a_line_that_is_none_blocks_no_other(unknown: Send, line: object) -> None:
    result = transcript_lines_note(ROOT, [line, line_of(first(unknown))])
    assert result.accepted == 1
    assert [(each["index"], each["code"]) for each in result.rejected] == [(0, "invalid_line")]
    assert stands(first(unknown)) == ("delivered", "transcript", False)


# --- Where it stands -----------------------------------------------------------------------------


def test_the_pages_count_it(unknown: Send, supervisor: User, browse: Browse) -> None:
    one, two, _three = unknown.deliveries.order_by("pk")
    page = browse(supervisor)
    url = reverse("delivery-seen", args=[one.pk])
    refused = page.post(url, {"verdict": "delivered"})
    assert refused.status_code == 422
    assert "Say where you looked." in refused.text
    asked = {**THERE, "has_looked": "on"}
    assert page.post(url, asked).status_code == 302
    assert (
        page.post(reverse("delivery-seen", args=[two.pk]), {**asked, **MISSING}).status_code == 302
    )
    sent = page.get(reverse("send-detail", args=[unknown.pk])).text
    assert "3 unknown, 2 of them resolved: 1 delivered, 1 not." in sent
    shown = page.get(reverse("delivery-detail", args=[one.pk])).text
    assert "who sent it, says so. Where: The chat&#x27;s transcript." in shown
    word = two.evidence.get()
    correct = reverse("evidence-correct", args=[two.pk, word.pk])
    assert "said: Was not delivered." in page.get(correct).text
    assert page.post(correct, asked).status_code == 302
    assert stands(two) == ("delivered", "person", False)
    withdraw = reverse("evidence-withdraw", args=[two.pk, two.evidence.latest("pk").pk])
    assert page.post(withdraw, {"remark": "Another chat"}).status_code == 302
    assert stands(two) is None
    assert page.get(reverse("evidence-withdraw", args=[two.pk, 0])).status_code == 404


def test_the_history_finds_what_nobody_knows_yet(
    unknown: Send, supervisor: User, auditor: User, browse: Browse
) -> None:
    one, two, three = unknown.deliveries.order_by("pk")
    delivery_witness(supervisor.to_actor(), one, **THERE)
    delivery_witness(supervisor.to_actor(), two, **MISSING)
    answer_late(two, DeliveryStatus.DELIVERED)
    page = browse(auditor)

    def found(resolution: str) -> list[int]:
        answer = page.get(f"/api/v1/deliveries/?resolution={resolution}").json()
        return [each["id"] for each in answer["results"]]

    assert found("unresolved") == [three.pk]
    assert found("delivered") == [two.pk, one.pk]
    assert found("not_delivered") == []
    assert found("contested") == [two.pk]
    listed = page.get(reverse("history"), {"resolution": "unresolved"}).text
    assert reverse("delivery-detail", args=[three.pk]) in listed
    assert reverse("delivery-detail", args=[one.pk]) not in listed
    exported = page.post(reverse("history-export"), {"status": "unknown"})
    rows = csv.DictReader(exported.getvalue().decode("utf-8-sig").splitlines())
    assert [(row["resolution"], row["resolved_by"], row["contested"]) for row in rows] == [
        ("", "", ""),
        ("delivered", "late_answer", "yes"),
        ("delivered", "person", "no"),
    ]


def test_the_api_takes_and_gives_it(unknown: Send, program: Any, supervisor: User) -> None:
    delivery = first(unknown)
    both = program("send", "read")
    said = both.post(f"deliveries/{delivery.pk}/evidence/", THERE)
    assert said["resolution"] == {"verdict": "delivered", "source": "person", "contested": False}
    (evidence,) = said["evidence"]
    assert (evidence["verdict"], evidence["remark"]) == ("delivered", "I read the chat.")
    assert not evidence["senders_own"]
    assert said["status"] == "unknown"
    send = both.get(f"sends/{unknown.pk}/")
    assert send["resolutions"] == {
        "unresolved": 2,
        "delivered": 1,
        "not_delivered": 0,
        "contested": 0,
    }
    status, answer = both("POST", f"deliveries/{delivery.pk}/evidence/", MISSING)
    assert (status, answer["code"]) == (409, "said_already")
    status, answer = program("read")("POST", f"deliveries/{delivery.pk}/evidence/", MISSING)
    assert status == 403
    status, answer = program("send")("POST", f"deliveries/{delivery.pk}/evidence/", MISSING)
    assert status == 404  # somebody else's
    withdrawn = {"verdict": "withdrawn", "remark": "Wrong chat", "replaces": evidence["id"]}
    assert both.post(f"deliveries/{delivery.pk}/evidence/", withdrawn)["resolution"] is None


def test_what_nobody_knows_is_a_number_of_its_own(
    client: Client, unknown: Send, supervisor: User
) -> None:
    outcomes_count()
    assert scrape(client)["console_deliveries_unresolved", "chat-east"] == 3
    delivery_witness(supervisor.to_actor(), first(unknown), **THERE)
    found = scrape(client)
    assert found["console_deliveries_unresolved", "chat-east"] == 2
    assert found["console_deliveries_total", "chat-east", "unknown"] == 3


# --- The proof of a send -------------------------------------------------------------------------


def repacked(path: Path, change: Callable[[Any], object]) -> None:
    """Change what the proof says of the first delivery."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    rows = [json.loads(line) for line in files[verify.DELIVERIES].splitlines()]
    change(rows[0])
    files[verify.DELIVERIES] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture
def prove(auditor: User, settings: Any, tmp_path: Path) -> Callable[[Send], Path]:
    settings.CHECKPOINTS_TO = ""

    def make(send: Send) -> Path:
        path = tmp_path / "proof.zip"
        with path.open("w+b") as file:
            send_prove(auditor.to_actor(), send, file)
        return path

    return make


def verified(path: Path, settings: Any) -> list[str]:
    report = verify.verify_export(path, verify.Keys([public_key(settings.AUDIT_KEY)]))
    return list(verify.sentences(report))


def test_the_proof_of_the_send_has_it(
    unknown: Send, supervisor: User, prove: Callable[[Send], Path], settings: Any
) -> None:
    one, two, _three = unknown.deliveries.order_by("pk")
    delivery_witness(supervisor.to_actor(), one, **THERE)
    delivery_witness(supervisor.to_actor(), two, **MISSING)
    answer_late(two, DeliveryStatus.DELIVERED)
    told = "\n".join(verified(prove(unknown), settings))
    assert "Unknown: 3. By evidence that came later 2 of them were delivered" in told
    assert "of 1 the evidence differs" in told


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda said: said["evidence"][0].update(verdict="not_delivered"), "is not what the"),
        (lambda said: said["evidence"][0].update(actor_name="Bob"), "is not what the entries"),
        (lambda said: said["evidence"][0].update(remark="Another"), "A remark on delivery"),
        (lambda said: said.update(resolution="not_delivered"), "is said to be resolved as"),
        (lambda said: (said.pop("evidence"), said.pop("resolution")), "is not what the entries"),
    ],
)
def test_changed_evidence_is_found(
    unknown: Send,
    supervisor: User,
    prove: Callable[[Send], Path],
    settings: Any,
    change: Callable[[Any], object],
    finding: str,
) -> None:
    delivery_witness(supervisor.to_actor(), first(unknown), **THERE)
    path = prove(unknown)
    repacked(path, change)
    assert finding in "\n".join(verified(path, settings))


def test_roles_that_only_read_are_no_witnesses() -> None:
    may = {role for role, given in ROLE_PERMISSIONS.items() if given & set(WITNESSES)}
    assert may == {Role.SUPERVISOR, Role.APPROVER}
