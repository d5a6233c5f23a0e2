"""What a notice asks its sender, and what becomes of the answers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import User
from console.actors import Actor
from console.audit.models import AuditEntry
from console.catalogue.content.questions import declared
from console.catalogue.models import NoticeVersion
from console.errors import Conflict, InvalidInput, Unprocessable
from console.interactions.models import ChatServer
from console.sends.control.erasure import interaction_erase
from console.sends.control.retry import send_retry_failed
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import fields_digest, send_create
from console.sends.plan.values import SendOrder

FIELDS = [
    {"name": "day", "label": "New date", "type": "date"},
    {"name": "amount", "type": "number", "required": False},
    {"name": "why", "type": "choice", "choices": ["strike", "storm"]},
    {"name": "note", "type": "text", "required": False, "max_length": 10},
]
ANSWERS = {"day": "2027-03-31", "why": "strike", "amount": "12.50"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(supervisor: User, chat_server: ChatServer) -> Actor:
    return supervisor.to_actor()


@pytest.fixture
def notice(make_notice: Callable[..., NoticeVersion]) -> NoticeVersion:
    text = "Until {{ field.day | date: '%d %B' }}: {{ field.why }}, {{ field.amount | default: 0 }}"
    return make_notice(text, key="delay", fields=FIELDS)


@pytest.fixture
def chat(make_interaction: Callable[..., Any]) -> str:
    return str(make_interaction().pk)


def test_the_answers_stand_in_the_texts(sender: Actor, notice: NoticeVersion, chat: str) -> None:
    plan = plan_send(sender, SendOrder(notice_key="delay", interactions=[chat], answers=ANSWERS))
    assert plan.targets[0].body == "Until 31 March: strike, 12.5"

    send = send_create(sender, SendOrder(notice_key="delay", interactions=[chat], answers=ANSWERS))
    assert Delivery.objects.get(send=send).body == "Until 31 March: strike, 12.5"
    assert send.answers == {"day": "2027-03-31", "why": "strike", "amount": "12.5"}


def test_an_answer_that_is_left_out_takes_the_texts_default(
    sender: Actor, notice: NoticeVersion, chat: str
) -> None:
    answers = {**ANSWERS, "amount": " "}
    plan = plan_send(sender, SendOrder(notice_key="delay", interactions=[chat], answers=answers))
    assert plan.targets[0].body == "Until 31 March: strike, 0"


def test_an_answer_is_percent_encoded_in_a_url(
    sender: Actor, make_notice: Callable[..., NoticeVersion], chat: str
) -> None:
    make_notice(
        "https://shop.example/{{ field.code }}",
        key="page",
        kind="push_url",
        fields=[{"name": "code"}],
    )
    answers = {"code": "../a?b=1#c"}
    plan = plan_send(sender, SendOrder(notice_key="page", interactions=[chat], answers=answers))
    assert plan.targets[0].body == "https://shop.example/..%2Fa%3Fb%3D1%23c"


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"day": ""}, "field_missing", "day"),
        ({"day": None}, "field_missing", "day"),
        ({"day": "tomorrow"}, "invalid_field", "day"),
        ({"day": "2027-02-30"}, "invalid_field", "day"),
        ({"day": 20270331}, "invalid_field", "day"),
        ({"day": "20270331"}, "invalid_field", "day"),
        ({"day": "2027-W13-3"}, "invalid_field", "day"),
        ({"day": "2027-03-31T00:00"}, "invalid_field", "day"),
        ({"amount": "much"}, "invalid_field", "amount"),
        ({"amount": "1_000"}, "invalid_field", "amount"),
        ({"amount": "1e3"}, "invalid_field", "amount"),
        ({"amount": "١٢"}, "invalid_field", "amount"),
        ({"amount": "１２"}, "invalid_field", "amount"),
        ({"amount": "1,234.50"}, "invalid_field", "amount"),
        ({"amount": "123456789012345.678"}, "invalid_field", "amount"),
        ({"amount": True}, "invalid_field", "amount"),
        ({"amount": "nan"}, "invalid_field", "amount"),
        ({"amount": "1e400"}, "invalid_field", "amount"),
        ({"amount": [1]}, "invalid_field", "amount"),
        ({"why": "snow"}, "invalid_field", "why"),
        ({"why": ["strike"]}, "invalid_field", "why"),
        ({"note": "x" * 11}, "invalid_field", "note"),
        ({"note": 7}, "invalid_field", "note"),
        ({"note": "a\0"}, "invalid_field", "note"),
        ({"other": "x"}, "unknown_field", "other"),
    ],
)
def test_a_wrong_answer_names_its_field(
    sender: Actor,
    notice: NoticeVersion,
    chat: str,
    changed: dict[str, Any],
    code: str,
    field: str,
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        send_create(
            sender,
            SendOrder(notice_key="delay", interactions=[chat], answers={**ANSWERS, **changed}),
        )
    assert (refusal.value.code, refusal.value.details) == (code, {"field": field})
    assert not Send.objects.exists()


def test_a_notice_that_asks_nothing_takes_no_answers(
    sender: Actor, make_notice: Callable[..., NoticeVersion], chat: str
) -> None:
    make_notice(key="hello")
    with pytest.raises(Unprocessable, match="asks for no field day"):
        plan_send(sender, SendOrder(notice_key="hello", interactions=[chat], answers={"day": "x"}))


def test_the_same_key_with_other_answers_is_another_request(
    sender: Actor, notice: NoticeVersion, chat: str
) -> None:
    asked: dict[str, Any] = {"notice_key": "delay", "interactions": [chat], "idempotency_key": "k"}
    send = send_create(sender, SendOrder(**asked, answers=ANSWERS))
    assert send_create(sender, SendOrder(**asked, answers=ANSWERS)).pk == send.pk
    with pytest.raises(Conflict, match="another send"):
        send_create(sender, SendOrder(**asked, answers={**ANSWERS, "why": "storm"}))


def test_a_retry_has_the_same_answers(sender: Actor, notice: NoticeVersion, chat: str) -> None:
    send = send_create(sender, SendOrder(notice_key="delay", interactions=[chat], answers=ANSWERS))
    _ended(send, DeliveryStatus.FAILED)
    retry = send_retry_failed(sender, send)
    assert retry.answers == send.answers
    assert Delivery.objects.get(send=retry).body == "Until 31 March: strike, 12.5"


def _ended(send: Send, status: DeliveryStatus) -> None:
    Outbox.objects.filter(send=send).delete()
    send.deliveries.update(status=status, finished_at=timezone.now())
    Send.objects.filter(pk=send.pk).update(status="finished", finished_at=timezone.now())
    send.refresh_from_db()


# --- The ledger, and erasing ---------------------------------------------------------------------


def test_the_ledger_has_a_salted_digest_of_the_answers(
    sender: Actor, notice: NoticeVersion, chat: str
) -> None:
    first = send_create(sender, SendOrder(notice_key="delay", interactions=[chat], answers=ANSWERS))
    send_create(sender, SendOrder(notice_key="delay", interactions=[chat], answers=ANSWERS))
    digests = [
        entry.data["fields_sha256"] for entry in AuditEntry.objects.filter(action="send.created")
    ]
    assert fields_digest(first.fields) in digests
    assert len(set(digests)) == 2
    assert "strike" not in str(
        list(AuditEntry.objects.filter(action="send.created").values("data"))
    )


def test_the_answers_are_kept_as_they_are(sender: Actor, notice: NoticeVersion, chat: str) -> None:
    send = send_create(sender, SendOrder(notice_key="delay", interactions=[chat], answers=ANSWERS))
    with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
        Send.objects.filter(pk=send.pk).update(fields={"values": {"why": "storm"}})


def test_the_answers_are_erased_with_the_last_text(
    sender: Actor,
    notice: NoticeVersion,
    make_interaction: Callable[..., Any],
    administrator: User,
) -> None:
    chats = [make_interaction().pk for _ in range(2)]
    send = send_create(sender, SendOrder(notice_key="delay", interactions=chats, answers=ANSWERS))
    _ended(send, DeliveryStatus.DELIVERED)
    for left, chat in ((True, chats[0]), (False, chats[1])):
        make_interaction(chat, type="stopped")
        interaction_erase(administrator.to_actor(), interaction_id=chat)
        send.refresh_from_db()
        assert bool(send.answers) == left


# --- What a version may ask ----------------------------------------------------------------------

WRONG = {
    "no name": {"label": "Day"},
    "a name that is none": {"name": "New date"},
    "a long name": {"name": "a" * 41},
    "an unknown type": {"name": "day", "type": "colour"},
    "a choice of nothing": {"name": "day", "type": "choice"},
    "a choice twice": {"name": "day", "type": "choice", "choices": ["a", "a"]},
    "a choice that is no text": {"name": "day", "type": "choice", "choices": [1]},
    "choices of a text": {"name": "day", "choices": ["a"]},
    "an empty label": {"name": "day", "label": " "},
    "a length out of range": {"name": "day", "max_length": 501},
    "a length that is none": {"name": "day", "max_length": True},
    "no truth": {"name": "day", "required": "yes"},
    "a part that there is not": {"name": "day", "pattern": "x"},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_a_field_that_can_not_be_asked(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        declared([given])
    assert refusal.value.code == "invalid_fields"


def test_a_name_stands_once_and_there_are_not_too_many() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        declared([{"name": "day"}, {"name": "day"}])
    with pytest.raises(InvalidInput, match="at most 20"):
        declared([{"name": f"f{number}"} for number in range(21)])


def test_a_text_speaks_only_of_fields_that_are_asked(
    make_notice: Callable[..., NoticeVersion],
) -> None:
    with pytest.raises(InvalidInput, match=r"en: the text has field\.day") as refusal:
        make_notice("Until {{ field.day }}", fields=[{"name": "days"}])
    assert refusal.value.details == {"field": "day", "locale": "en"}
