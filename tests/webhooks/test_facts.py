"""What happens becomes messages: each fact once, for each webhook that wants it."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.accounts.models import User
from console.api.openapi.events import event_components, event_webhooks
from console.api.serializers import values
from console.audit.models import AuditEntry
from console.catalogue.models import NoticeVersion
from console.catalogue.review.presets import preset_create
from console.incidents.models import Incident, Stage
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import incident_close
from console.interactions.models import ChatServer, HealthChange
from console.interactions.services import chat_server_reached, chat_server_unreachable
from console.sends.control.approval import send_approve, send_reschedule
from console.sends.control.pausing import send_cancel
from console.sends.engine.caution import sends_watch
from console.sends.engine.outcomes import Ending
from console.sends.evidence.people import delivery_witness
from console.sends.models import DeliveryStatus, Reason, Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks import event_payloads
from console.webhooks.models import Mark, Message, Webhook
from console.webhooks.services import facts_gather, gathering, webhook_test, webhook_update
from tests.incidents.incident_world import FIRST, make_payments, start
from tests.support.factories import ROOT
from tests.support.working import leased_step

pytestmark = pytest.mark.django_db
TEXT, CUSTOMER = "A text for customers", "Zoë"


def end_all(server: ChatServer, statuses: Sequence[DeliveryStatus]) -> None:
    """What waits ends so, in the order of its ids, in one step of a drain."""
    step = leased_step(server, claim=uuid4(), room=len(statuses))
    endings = [
        Ending(delivery, status, Reason.REFUSED if status == DeliveryStatus.FAILED else "")
        for delivery, status in zip(step.claimed, statuses, strict=True)
    ]
    leased_step(server, claim=uuid4(), endings=endings)


def told(type_: str = "") -> list[dict[str, Any]]:
    """All messages, which are as the OpenAPI document says. Without a type, reviews of the notices
    that are sent are left out."""
    messages = Message.objects.order_by("pk")
    found = [json.loads(message.body) for message in messages]
    components = {"schemas": values.components() | event_components()}
    for each in found:
        post = event_webhooks()[each["type"]]["post"]
        said = post["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(each, {**said, "components": components})
    if not type_:
        return [each for each in found if each["type"] != "version.submitted"]
    return [each for each in found if each["type"] == type_]


F, U, D = DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN, DeliveryStatus.DELIVERED


def test_a_send_is_told_of_in_counts(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    make_webhook()
    send = make_send(6, body=TEXT)
    end_all(chat_server, [F, F, U, D, D, D])

    facts_gather()

    failed, unknown, finished = told()
    ids = dict(send.deliveries.values_list("pk", "interaction_id"))
    first, second, third = sorted(ids)[:3]
    assert (failed["type"], failed["data"]) == (
        "deliveries.failed",
        {
            "send": send.pk,
            "status": "failed",
            "count": 2,
            "chat_servers": {"chat-east": 2},
            "reasons": {"refused": 2},
            "deliveries": [
                {"id": first, "interaction": ids[first]},
                {"id": second, "interaction": ids[second]},
            ],
        },
    )
    assert unknown["type"] == "deliveries.unknown"
    assert unknown["data"]["deliveries"] == [{"id": third, "interaction": ids[third]}]
    counts = {"failed": 2, "unknown": 1, "delivered": 3}
    assert finished["data"] == {"send": send.pk, "status": "finished", "counts": counts}
    entry = AuditEntry.objects.get(action="send.finished")
    assert finished["timestamp"] == event_payloads.timestamp(entry.at)
    assert finished["timestamp"].endswith("Z")


def test_a_send_that_reaches_nobody_is_told_of(
    make_webhook: Any, make_notice: Callable[..., NoticeVersion], supervisor: User
) -> None:
    make_webhook()
    key = make_notice(TEXT).notice.key
    send = send_create(
        supervisor.to_actor(), SendOrder(notice_key=key, interactions=["nobody", "neither"])
    )
    facts_gather()
    (finished,) = told()
    assert finished["type"] == "send.finished"
    assert finished["data"] == {"send": send.pk, "status": "finished", "counts": {"skipped": 2}}


def test_nothing_of_texts_and_customers_is_told(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    make_webhook()
    make_send(2, body=TEXT)
    end_all(chat_server, [F, U])
    facts_gather()
    bodies = " ".join(message.body for message in Message.objects.all())
    assert bodies
    for secret in (TEXT, CUSTOMER, "Martin", "sue", "Sue", "text_sha256", "FirstName"):
        assert secret not in bodies


def test_what_became_of_an_unknown_is_told_without_any_words(
    make_send: Callable[..., Send],
    chat_server: ChatServer,
    supervisor: User,
    make_webhook: Any,
) -> None:
    make_webhook()
    send = make_send(2, body=TEXT)
    end_all(chat_server, [U, U])
    facts_gather()
    one, two = send.deliveries.order_by("pk")
    sue = supervisor.to_actor()
    word: dict[str, Any] = {"looked_in": "agent", "remark": "Zoë says that it is there."}
    said = delivery_witness(sue, one, verdict="delivered", **word)
    delivery_witness(sue, one, verdict="not_delivered", replaces=said.pk, **word)
    delivery_witness(sue, two, verdict="delivered", **word)
    facts_gather()
    (fact,) = told("deliveries.resolved")
    assert fact["data"] == {
        "send": send.pk,
        "count": 2,
        "chat_servers": {"chat-east": 2},
        "deliveries": [
            {
                "id": each.pk,
                "interaction": each.interaction_id,
                "resolution": resolution,
                "contested": False,
            }
            for each, resolution in ((one, "not_delivered"), (two, "delivered"))
        ],
    }
    assert "Zoë" not in json.dumps(fact, ensure_ascii=False)


def test_very_many_that_fail_are_one_message(make_webhook: Any) -> None:
    make_webhook()
    at = timezone.now()
    entries = [
        AuditEntry(
            seq=seq,
            at=at + timedelta(seconds=seq),
            action="deliveries.failed",
            target_ref=str(send),
            data={
                "chat_server": f"chat-{seq % 2}",
                "deliveries": [
                    {"id": 1000 * seq + n, "interaction": f"i{seq}-{n}", "reason": "not_sent"}
                    for n in range(500)
                ],
            },
        )
        for send in (1, 2)
        for seq in range(20 * send, 20 * send + 20)
    ]

    one, two = event_payloads.ledger_facts(entries)

    assert [one.data["send"], two.data["send"]] == [1, 2]
    assert one.data["count"] == 10_000
    assert one.data["chat_servers"] == {"chat-0": 5000, "chat-1": 5000}
    assert one.data["reasons"] == {"not_sent": 10_000}
    assert len(one.data["deliveries"]) == event_payloads.DELIVERIES_TOLD
    assert one.at == at + timedelta(seconds=39)
    assert len(one.body) < 10_000


def test_a_test_is_told_as_the_document_says(make_webhook: Any) -> None:
    webhook_test(ROOT, make_webhook()[0])
    assert [each["type"] for each in told()] == ["webhook.test"]


def test_a_send_that_was_stopped_is_told_of(
    make_webhook: Any, make_send: Callable[..., Send], supervisor: User
) -> None:
    make_webhook()
    send = make_send(1, body=TEXT)
    send_cancel(supervisor.to_actor(), send)
    facts_gather()
    (cancelled,) = told()
    assert cancelled["type"] == "send.cancelled"
    assert cancelled["data"] == {"send": send.pk, "status": "cancelled"}


def test_a_chat_server_that_fails_and_comes_back_is_told_of_once_each(
    make_webhook: Any, chat_server: ChatServer
) -> None:
    make_webhook()
    for _ in range(3):
        chat_server_unreachable(
            chat_server, detail="Connection refused.", rest=timedelta(seconds=1)
        )
    for _ in range(2):
        chat_server_reached(chat_server)
    facts_gather()
    assert [(each["type"], each["data"]) for each in told()] == [
        ("chat_server.unhealthy", {"chat_server": "chat-east", "health": "unhealthy"}),
        ("chat_server.healthy", {"chat_server": "chat-east", "health": "healthy"}),
    ]
    assert not HealthChange.objects.exists()


def test_each_gets_what_it_wants_and_nothing_while_it_is_off(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    make_webhook("http://127.0.0.1:9/a", "send.finished", name="Finished")
    make_webhook("http://127.0.0.1:9/b", "deliveries.failed", name="Failed")
    off, _secret = make_webhook("http://127.0.0.1:9/c", name="Off")
    webhook_update(ROOT, off, enabled=False)
    make_send(1, body=TEXT)
    end_all(chat_server, [F])
    facts_gather()
    got = set(Message.objects.values_list("webhook__name", "type"))
    assert got == {("Finished", "send.finished"), ("Failed", "deliveries.failed")}


def test_what_was_before_a_webhook_is_not_told(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    make_send(1, body=TEXT)
    end_all(chat_server, [D])
    make_webhook()
    facts_gather()
    assert told() == []


def test_without_webhooks_nothing_piles_up(
    make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    facts_gather()
    make_send(1, body=TEXT)
    end_all(chat_server, [F])
    chat_server_unreachable(chat_server, detail="No.", rest=timedelta(seconds=1))
    facts_gather()
    assert not Message.objects.exists()
    assert not HealthChange.objects.exists()
    assert Mark.objects.get().told_to == AuditEntry.objects.latest("seq").seq


def test_all_is_told_once_however_small_the_pieces(
    make_webhook: Any,
    make_send: Callable[..., Send],
    chat_server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "ENTRIES_A_PIECE", 3)
    make_webhook("http://127.0.0.1:9/", "send.finished")
    sends = [make_send(1, body=TEXT).pk for _ in range(3)]
    end_all(chat_server, [D, D, D])
    for _ in range(20):
        facts_gather()
    assert sorted(each["data"]["send"] for each in told()) == sends
    assert Message.objects.values("key").distinct().count() == 3


def test_a_crash_in_between_loses_nothing_and_doubles_nothing(
    make_webhook: Any,
    make_send: Callable[..., Send],
    chat_server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_webhook("http://127.0.0.1:9/", "send.finished", "chat_server.unhealthy")
    make_send(1, body=TEXT)
    end_all(chat_server, [D])
    chat_server_unreachable(chat_server, detail="No.", rest=timedelta(seconds=1))

    class Crashed(Exception):
        pass

    def crash(*_arguments: Any, **_named: Any) -> None:
        raise Crashed

    with monkeypatch.context() as patch:
        patch.setattr(Mark, "save", crash)  # all else is written by then
        with pytest.raises(Crashed), transaction.atomic():
            facts_gather()
    assert not Message.objects.exists()
    assert HealthChange.objects.exists()

    facts_gather()
    facts_gather()
    assert [each["type"] for each in told()] == ["send.finished", "chat_server.unhealthy"]


def test_what_is_rolled_back_is_not_told(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    make_webhook()
    make_send(1, body=TEXT)
    with transaction.atomic():
        end_all(chat_server, [F])
        transaction.set_rollback(True)
    facts_gather()
    assert told() == []


def test_sending_asks_nothing_for_it(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer
) -> None:
    """A step of a drain has the same queries with webhooks as without."""

    def queries() -> int:
        make_send(2, body=TEXT)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            end_all(chat_server, [F, U])
        assert not [each for each in captured if "webhook" in each["sql"]]
        return len(captured)

    before = queries()
    make_webhook()
    assert queries() == before
    assert Webhook.objects.count() == 1


# --- What waits for a person ----------------------------------------------------------------------


def test_what_waits_for_a_person_is_told_without_any_words(
    make_webhook: Any,
    settings: Any,
    supervisor: User,
    editor: User,
    approver: User,
    make_send: Callable[..., Send],
) -> None:
    make_webhook()
    settings.APPROVAL_ABOVE = 1
    send = make_send(2, body=TEXT, why="A secret reason")
    preset = preset_create(editor.to_actor(), name="Desk", visibility="INT", nickname="Nick")
    facts_gather()
    later = timezone.now() + timedelta(hours=1)
    send_reschedule(supervisor.to_actor(), send, scheduled_at=later)
    send.refresh_from_db()
    send_approve(approver.to_actor(), send)
    facts_gather()
    waiting = {"send": send.pk, "status": "awaiting_approval"}
    assert [each["data"] for each in told("send.awaiting_approval")] == [waiting, waiting]
    change = preset.changes.get().pk
    (proposed,) = told("preset.submitted")
    assert proposed["data"] == {"preset": preset.pk, "change": change}
    (submitted,) = told("version.submitted")
    assert submitted["data"] == {"notice": send.version.notice.key, "version": 1}
    bodies = " ".join(message.body for message in Message.objects.all())
    for secret in (TEXT, CUSTOMER, "A secret reason", "Nick", "Desk", "Sue", "INT"):
        assert secret not in bodies


def test_a_send_that_has_paused_itself_is_told(
    make_webhook: Any, make_send: Callable[..., Send], chat_server: ChatServer, settings: Any
) -> None:
    make_webhook()
    settings.PAUSE_ABOVE_PERCENT = 50
    send = make_send(30)
    end_all(chat_server, [D] * 8 + [F] * 8 + [U] * 4)
    sends_watch([send.pk], bad=[send.pk])
    facts_gather()
    (paused,) = told("send.paused_itself")
    assert paused["data"] == {
        "send": send.pk,
        "status": "paused",
        "itself": "failures",
        "counts": {"delivered": 8, "failed": 8, "unknown": 4},
    }


# --- Incidents -----------------------------------------------------------------------------------


def test_an_incident_is_told_of_without_peoples_words(
    make_webhook: Any,
    make_notice: Callable[..., NoticeVersion],
    chat_server: ChatServer,
    supervisor: User,
) -> None:
    make_webhook()
    incident = start(supervisor, make_payments(make_notice, is_for_emergency=True))
    Stage.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    incidents_follow()
    incident_close(supervisor.to_actor(), incident, word="A cable was cut.")
    facts_gather()

    found = {each["type"]: each["data"] for each in told()}
    stage = incident.stages.get()
    assert found["playbook.submitted"] == {"playbook": "payments", "version": 1}
    assert found["incident.started"] == {
        "incident": incident.pk,
        "playbook": "payments",
        "version": 1,
        "confirm_until": None,
    }
    begun = found["incident.stage_started"]
    assert (begun["incident"], begun["stage"], begun["position"]) == (incident.pk, stage.pk, 1)
    assert begun["send"] is None
    assert found["incident.overdue"]["stage"] == stage.pk
    assert found["incident.closed"] == {"incident": incident.pk}
    bodies = " ".join(message.body for message in Message.objects.all())
    for words in (incident.why, incident.title, FIRST, "A cable was cut.", "Known", "sales"):
        assert words not in bodies


def test_an_emergency_that_nobody_confirms_is_told_of(
    make_webhook: Any,
    make_notice: Callable[..., NoticeVersion],
    chat_server: ChatServer,
    supervisor: User,
    settings: Any,
) -> None:
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    playbook = make_payments(make_notice, is_for_emergency=True)
    make_webhook()
    incident = start(supervisor, playbook, is_emergency=True)
    Incident.objects.update(confirm_until=timezone.now() - timedelta(seconds=1))
    incidents_follow()
    facts_gather()
    (started,) = told("incident.started")
    assert started["data"]["confirm_until"] is not None
    (unconfirmed,) = told("incident.unconfirmed")
    assert unconfirmed["data"]["incident"] == incident.pk
