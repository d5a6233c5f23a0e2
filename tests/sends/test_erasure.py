"""What is kept of a person is erased, on request or in time; the chain stays whole."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
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
from console.sends.control import retention
from console.sends.control.erasure import interaction_erase
from console.sends.control.retention import texts_expire
from console.sends.control.retry import send_retry_failed
from console.sends.engine.record import deliveries_expire, sends_finish
from console.sends.history.filling import history_fill
from console.sends.models import Delivery, Outbox, Send
from console.sends.tasks import erase
from tests.sends.peopled import make_first_send, make_people
from tests.support.factories import ROOT
from tests.support.shared_world import shared_world
from tests.support.signing_in import sign_in
from tests.support.working import changing_what_has_ended, last_entry, work

pytestmark = pytest.mark.usefixtures("chat_server")


def make_over():
    people = make_people()
    send = make_first_send(people["supervisor"], 3)
    deliveries_expire(timezone.now() + timedelta(hours=1))
    Interaction.objects.update(ended_at=timezone.now())
    send.refresh_from_db()
    assert send.finished_at
    assert history_fill() == 1  # the search of the history has the texts, too
    return {**people, "over": send}


peopled = shared_world("peopled", make_over)


@pytest.fixture
def over(peopled):
    """Three deliveries that failed, in chats that have ended; the texts had the customers' name."""
    return peopled["over"]


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
    monkeypatch.setattr(retention, "DELIVERIES_A_PART", 2)
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


def test_several_sends_go_in_one_part(over, send_to, make_interaction, settings, monkeypatch):
    monkeypatch.setattr(retention, "DELIVERIES_A_PART", 4)
    settings.TEXT_RETENTION_DAYS = 1
    others = [send_to([make_interaction(f"n{number}").pk]) for number in range(3)]
    deliveries_expire(timezone.now() + timedelta(hours=1))
    later = timezone.now() + timedelta(days=2)
    assert all_parts(now=later) == 2  # 3 and 1; 1 and 1
    assert not Delivery.objects.exclude(body="").exists()
    assert Send.objects.filter(texts_erased_at=later).count() == 4
    told = AuditEntry.objects.filter(action="texts.erased")
    assert {entry.target_ref for entry in told} == {str(send.pk) for send in (over, *others)}


def test_a_large_send_is_read_once(over, settings, monkeypatch):
    """However many parts it has; and what each has is said with the first and last of it."""
    monkeypatch.setattr(retention, "DELIVERIES_A_PART", 1)
    settings.TEXT_RETENTION_DAYS = 1
    place, later, parts = retention.Place(), timezone.now() + timedelta(days=2), 0
    with CaptureQueriesContext(connection) as asked:
        while texts_expire(now=later, place=place):
            parts += 1
    assert parts == 3
    listed = [each["sql"] for each in asked if 'SELECT "sends_delivery"."id"' in each["sql"]]
    assert len(listed) == 1
    told = AuditEntry.objects.filter(action="texts.erased").order_by("seq")
    ids = list(over.deliveries.order_by("pk").values_list("pk", flat=True))
    assert [(each.data["first"], each.data["last"]) for each in told] == [(pk, pk) for pk in ids]


def test_a_run_says_how_far_it_is_and_may_be_stopped(over, send_to, make_interaction, settings):
    settings.TEXT_RETENTION_DAYS = 1
    long_ago = timezone.now() - timedelta(days=2)
    send_to([make_interaction("other").pk])
    deliveries_expire(timezone.now() + timedelta(hours=1))
    with changing_what_has_ended():
        Send.objects.update(finished_at=long_ago)
    with pytest.raises(Conflict):
        retention.retention_stop(ROOT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "SENDS_A_PART", 1)
        place = retention.retention_begin()
        assert retention.retention_go_on(place) is True
        run = retention.retention_state()
        assert (run.sends, run.total, run.deliveries, run.is_going_on) == (1, 2, 3, True)
        retention.retention_stop(ROOT)
        assert retention.retention_go_on(place) is False
    assert last_entry("texts.erasing_stopped").data == {"sends": 1, "count": 3}
    assert Delivery.objects.exclude(body="").count() == 1
    out = StringIO()
    call_command("erase_texts", "--expired", stdout=out)
    assert out.getvalue().splitlines()[-1].startswith("1 of about 1 sends, 1 texts")
    assert not Delivery.objects.exclude(body="").exists()
    assert not Send.objects.filter(is_searchable=False, finished_at__isnull=False).exists()


def test_without_a_period_the_command_says_so(over, settings):
    settings.TEXT_RETENTION_DAYS = 0
    with pytest.raises(CommandError, match="CONSOLE_TEXT_RETENTION_DAYS is not set"):
        call_command("erase_texts", "--expired")


def test_files_with_texts_that_go_in_time_go_with_them(over, settings):
    """Those of a later time stay, and so do orders that no worker has begun."""
    whole, later_ones, waiting = (
        export_order(ROOT, order=Order.read("history", "csv", chosen))
        for chosen in ({}, {"from": (timezone.now() + timedelta(hours=1)).isoformat()}, {})
    )
    export_run(whole.pk)
    export_run(later_ones.pk)
    settings.TEXT_RETENTION_DAYS = 1
    all_parts(now=timezone.now() + timedelta(days=2))
    for job, status in ((whole, "failed"), (later_ones, "done"), (waiting, "waiting")):
        job.refresh_from_db()
        assert job.status == status
    assert last_entry("export.deleted").actor_ref == "system:retention"
    exports_sweep()
    assert set(ExportPart.objects.values_list("export_id", flat=True)) == {later_ones.pk}


def test_operations_shows_it_and_an_administrator_stops_it(
    over, administrator, auditor, client, settings
):
    settings.TEXT_RETENTION_DAYS = 1
    with changing_what_has_ended():
        Send.objects.update(finished_at=timezone.now() - timedelta(days=2))
    retention.retention_begin()
    sign_in(client, auditor)
    page = client.get(reverse("operations")).content.decode()
    assert "0 of about 1 sends" in page
    assert reverse("retention-stop") not in page
    sign_in(client, administrator)
    assert reverse("retention-stop") in client.get(reverse("operations")).content.decode()
    assert "Stop erasing" in client.get(reverse("retention-stop")).content.decode()
    after = client.post(reverse("retention-stop"), follow=True).content.decode()
    assert "No more texts are erased until the next night." in after
    assert "of about" not in after


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
