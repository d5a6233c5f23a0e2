"""What is kept of a person is erased, on request or in time; the chain stays whole."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from console.audit.models import AuditEntry
from console.audit.verification import verify_database
from console.errors import Conflict, NotFound, PermissionRefused
from console.exports.models import ExportPart
from console.exports.orders import Order
from console.exports.running import export_run, exports_sweep
from console.exports.services import export_order
from console.interactions.models import Interaction
from console.sends.control import erasure
from console.sends.control.erasure import interaction_erase, texts_expire
from console.sends.control.retry import send_retry_failed
from console.sends.engine.record import deliveries_expire, sends_finish
from console.sends.history.filling import history_fill
from console.sends.models import Delivery, Outbox, Send
from console.sends.tasks import erase
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in
from tests.support.working import changing_what_has_ended, last_entry, work

pytestmark = pytest.mark.usefixtures("chat_server")


@pytest.fixture
def over(send_to, chats, settings):
    """Three deliveries that failed, in chats that have ended; the texts had the customers' name."""
    settings.CHECKPOINTS_TO = ""
    send = send_to(chats(3))
    deliveries_expire(timezone.now() + timedelta(hours=1))
    Interaction.objects.update(ended_at=timezone.now())
    send.refresh_from_db()
    assert send.finished_at
    assert history_fill() == 1  # the search of the history has the texts, too
    return send


def first(send: Send) -> Delivery:
    return send.deliveries.earliest("pk")


def nothing_of(words: str) -> bool:
    """Nowhere in the database, be it in the ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" row WHERE row::text LIKE %s', [f"%{words}%"]
            )
            if cursor.fetchone()[0]:
                return False
    return True


# --- On request ----------------------------------------------------------------------------------


def test_files_of_the_history_go_with_it(over):
    job = export_order(ROOT, order=Order.read("history", "csv", {}))
    export_run(job.pk)
    interaction_erase(ROOT, interaction_id=first(over).interaction_id)
    job.refresh_from_db()
    assert job.status == "failed"
    exports_sweep()
    assert not ExportPart.objects.exists()


def test_everything_personal_goes_and_the_rest_stays(over):
    delivery = first(over)
    before = delivery.status, delivery.reason, delivery.finished_at
    entry = last_entry("deliveries.failed")
    digests = [item["text_sha256"] for item in entry.data["deliveries"]]
    assert interaction_erase(ROOT, interaction_id=delivery.interaction_id, why="Case 7") == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason, delivery.finished_at) == before
    assert (delivery.body, delivery.body_salt, delivery.customer_name) == ("", "", "")
    assert (delivery.detail, delivery.fault_text, delivery.answer) == ("", "", None)
    assert delivery.erased_at
    assert delivery.erased_on_request is True
    chat = Interaction.objects.get(pk=delivery.interaction_id)
    assert (chat.customer_name, chat.user_data) == ("", {})
    kept = last_entry("deliveries.failed").data["deliveries"]
    assert [item["text_sha256"] for item in kept] == digests
    assert verify_database().holds
    told = last_entry("interaction.erased")
    assert told.target_ref == delivery.interaction_id
    assert told.data == {"deliveries": [delivery.pk], "why": "Case 7"}
    # Of the other chats nothing.
    assert over.deliveries.exclude(pk=delivery.pk).filter(body="Hello Zoë").count() == 2


def test_when_all_are_erased_the_name_is_nowhere(over):
    assert not nothing_of("Zoë")
    for delivery in over.deliveries.all():
        interaction_erase(ROOT, interaction_id=delivery.interaction_id)
    assert nothing_of("Zoë")
    assert history_fill() == 1
    assert nothing_of("Zoë")
    assert verify_database().holds


def test_what_can_not_be_erased_is_said(over, send_to, make_interaction):
    def refused(chat, code, kind=Conflict):
        entries = AuditEntry.objects.count()
        with pytest.raises(kind) as refusal:
            interaction_erase(ROOT, interaction_id=chat)
        assert refusal.value.code == code
        assert AuditEntry.objects.count() == entries

    refused("nobody", "interaction_not_found", NotFound)
    live = make_interaction("live").pk
    refused(live, "chat_is_live")
    send_to([live])
    Interaction.objects.filter(pk=live).update(ended_at=timezone.now())
    refused(live, "deliveries_waiting")
    chat = first(over).interaction_id
    interaction_erase(ROOT, interaction_id=chat)
    refused(chat, "already_erased")


def test_a_chat_that_is_forgotten_already_is_erased_too(over):
    delivery = first(over)
    Interaction.objects.filter(pk=delivery.interaction_id).delete()
    assert interaction_erase(ROOT, interaction_id=delivery.interaction_id) == 1
    delivery.refresh_from_db()
    assert delivery.body == ""


def test_only_administrators_erase(over, supervisor, auditor, approver):
    for person in (supervisor, auditor, approver):
        with pytest.raises(PermissionRefused):
            interaction_erase(person.to_actor(), interaction_id=first(over).interaction_id)


def test_what_is_erased_is_not_sent_again(over, supervisor):
    for delivery in over.deliveries.all():
        interaction_erase(ROOT, interaction_id=delivery.interaction_id)
    Interaction.objects.update(ended_at=None)
    with pytest.raises(Conflict, match="Its text has been erased"):
        send_retry_failed(supervisor.to_actor(), over)


def test_the_command_erases(over):
    out = StringIO()
    chat = first(over).interaction_id
    call_command("erase_texts", "--interaction", chat, "--why", "Case 8", stdout=out)
    assert out.getvalue() == f"{chat}: erased, with the texts of 1 deliveries.\n"
    assert last_entry("interaction.erased").actor_name == "Notice Console (command line)"
    with pytest.raises(CommandError, match="Nothing is kept"):
        call_command("erase_texts", "--interaction", chat)


# --- The one door --------------------------------------------------------------------------------

ALL = (
    "body = '', body_salt = '', customer_name = '', detail = '', fault_text = '', answer = NULL, "
    "erased_at = now(), erased_on_request = true"
)


@pytest.mark.parametrize(
    "change",
    [
        "body = 'Something else'",
        "body = ''",
        "body_salt = ''",
        "customer_name = ''",
        "detail = ''",
        "fault_text = 'x'",
        "answer = NULL, body = ''",
        "erased_at = now(), erased_on_request = true",
        ALL.replace("body_salt = ''", "body_salt = 'x'"),
        ALL.replace("body = ''", "body = 'x'"),
        ALL.replace("erased_on_request = true", "erased_on_request = NULL"),
        ALL + ", status = 'delivered'",
        ALL + ", finished_at = now() - interval '1 day'",
        ALL + ", interaction_id = 'another'",
    ],
)
def test_postgresql_lets_nothing_else_change(change, over):
    with (
        pytest.raises(IntegrityError, match="is kept as it was written"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE sends_delivery SET {change} WHERE id = %s", [first(over).pk])


def test_what_is_erased_stays_so(over):
    delivery = first(over)
    interaction_erase(ROOT, interaction_id=delivery.interaction_id)
    for change in ("body = 'Back'", "erased_at = NULL", "erased_on_request = false"):
        with (
            pytest.raises(IntegrityError, match="is kept as it was written"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE sends_delivery SET {change} WHERE id = %s", [delivery.pk])


# --- In time -------------------------------------------------------------------------------------


def all_parts(*, now: datetime) -> int:
    parts = 0
    while texts_expire(now=now):
        parts += 1
    return parts


def test_without_a_period_texts_are_kept(over):
    assert all_parts(now=timezone.now() + timedelta(days=5000)) == 0
    assert over.deliveries.filter(body="").count() == 0


def test_texts_that_were_kept_for_long_enough_go_in_parts(over, settings, monkeypatch):
    monkeypatch.setattr(erasure, "DELIVERIES_A_PART", 2)
    settings.TEXT_RETENTION_DAYS = 90
    assert all_parts(now=timezone.now() + timedelta(days=89)) == 0
    later = timezone.now() + timedelta(days=91)
    assert all_parts(now=later) == 2
    assert over.deliveries.filter(body="", body_salt="", erased_on_request=False).count() == 3
    over.refresh_from_db()
    assert over.texts_erased_at == later
    told = AuditEntry.objects.filter(action="texts.erased")
    assert sorted(entry.data["count"] for entry in told) == [1, 2]
    assert {entry.target_ref for entry in told} == {str(over.pk)}
    assert verify_database().holds


def test_what_has_not_ended_keeps_its_text(over, send_to, make_interaction, settings):
    settings.TEXT_RETENTION_DAYS = 1
    waiting = send_to([make_interaction("new").pk])
    later = timezone.now() + timedelta(days=2)
    all_parts(now=later)
    assert waiting.deliveries.get().body == "Hello Zoë"
    assert first(over).body == ""


def test_nothing_is_looked_at_twice(over, settings, django_assert_max_num_queries):
    settings.TEXT_RETENTION_DAYS = 1
    later = timezone.now() + timedelta(days=2)
    all_parts(now=later)
    with django_assert_max_num_queries(4):
        assert all_parts(now=later) == 0
    assert sends_finish([over.pk]) == []
    assert not Outbox.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_it_at_night(over, settings):
    settings.TEXT_RETENTION_DAYS = 1
    long_ago = timezone.now() - timedelta(days=2)
    with changing_what_has_ended():
        Send.objects.filter(pk=over.pk).update(finished_at=long_ago)
    erase.defer(timestamp=0)  # type: ignore[call-arg]
    work()
    assert over.deliveries.filter(body="", erased_on_request=False).count() == 3


# --- On the pages --------------------------------------------------------------------------------


def test_the_page_asks_and_erases(over, administrator, client):
    sign_in(client, administrator)
    chat = first(over).interaction_id
    page = client.get(reverse("erase"), {"interaction": chat}).content.decode()
    assert f'value="{chat}"' in page
    assert "This can&#x27;t be taken back" in page
    answer = client.post(reverse("erase"), {"interaction": chat, "why": "Case 9"}, follow=True)
    assert "what was kept of its customer is erased, with 1 text." in answer.content.decode()
    again = client.post(reverse("erase"), {"interaction": chat})
    assert again.status_code == 409
    assert "Nothing is kept of this chat&#x27;s customer any more." in again.content.decode()


def test_a_delivery_says_that_its_text_is_erased(over, auditor, client, settings):
    sign_in(client, auditor)
    settings.TEXT_RETENTION_DAYS = 1
    asked, other = over.deliveries.order_by("pk")[:2]
    interaction_erase(ROOT, interaction_id=asked.interaction_id)
    all_parts(now=timezone.now() + timedelta(days=2))

    def page(name, pk):
        return client.get(reverse(name, args=[pk])).content.decode()

    assert "by request." in page("delivery-detail", asked.pk)
    assert "as long as this site keeps texts" in page("delivery-detail", other.pk)
    for pk in (asked.pk, other.pk):
        assert "Hello" not in page("delivery-detail", pk)
    assert "Hello" not in page("send-detail", over.pk)
    history = client.get(reverse("history")).content.decode()
    assert "The text is erased." in history
