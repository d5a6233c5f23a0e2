"""Who gets which language, and leaving out those for whom there is no text in their own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.catalogue.models import NoticeVersion
from console.errors import Conflict, InvalidInput
from console.interactions.models import ChatServer
from console.sends.models import Delivery, Reason, Send
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import LeaveOut, SendOrder

TEXTS = {"en": "Hello", "no": "Hei", "zh-Hans": "你好"}
# What each chat says, the text that it gets, and whether that is its own language.
CHATS = {
    "own": ("en-GB", "en", True),
    "alias": ("nb", "no", True),
    "spanish": ("es-MX", "en", False),
    "script": ("zh-TW", "en", False),
    "silent": ("", "en", False),
    "garbage": ("Englisch", "en", False),
}
OTHER, UNKNOWN = LeaveOut.OTHER_LANGUAGE.value, LeaveOut.UNKNOWN_LANGUAGE.value


@pytest.fixture
def asked(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
) -> dict[str, Any]:
    """What is asked for: the notice `hello` to each of the chats."""
    make_notice(key="hello", bodies=TEXTS)
    for name, (locale, _text, _own) in CHATS.items():
        make_interaction(name, locale=locale)
    return {"notice_key": "hello", "interactions": list(CHATS)}


@pytest.mark.parametrize(
    ("leave_out", "skipped"),
    [
        ((), {}),
        ((OTHER,), dict.fromkeys(["spanish", "script"], Reason.NO_TEXT_IN_LANGUAGE)),
        ((UNKNOWN,), dict.fromkeys(["silent", "garbage"], Reason.UNKNOWN_LANGUAGE)),
        (
            (UNKNOWN, OTHER, OTHER),
            {
                **dict.fromkeys(["spanish", "script"], Reason.NO_TEXT_IN_LANGUAGE),
                **dict.fromkeys(["silent", "garbage"], Reason.UNKNOWN_LANGUAGE),
            },
        ),
    ],
)
def test_who_is_left_out(
    supervisor: User,
    asked: dict[str, Any],
    leave_out: tuple[str, ...],
    skipped: dict[str, Reason],
) -> None:
    plan = plan_send(supervisor.to_actor(), SendOrder(**asked, leave_out=leave_out))

    assert {each.interaction_id: each.reason for each in plan.skipped} == skipped
    assert {each.interaction_id: (each.locale, each.own_language) for each in plan.ready} == {
        name: (text, own) for name, (_said, text, own) in CHATS.items() if name not in skipped
    }
    details = {each.interaction_id: each.detail for each in plan.skipped}
    if "spanish" in details:
        assert details["spanish"] == "The notice has no text in Spanish."
        assert details["script"] == "The notice has no text in Traditional Chinese."


def test_the_send_does_what_was_previewed_and_the_ledger_says_so(
    supervisor: User, asked: dict[str, Any]
) -> None:
    actor = supervisor.to_actor()
    promise = Promise.of(plan_send(actor, SendOrder(**asked, leave_out=[OTHER]))).written()
    # Nobody gets it who was left out in the preview, whatever is asked for since.
    forgetful = send_create(actor, SendOrder(**asked, expected_plan=promise))
    assert forgetful.deliveries.get(interaction_id="spanish").reason == "not_previewed"

    send = send_create(actor, SendOrder(**asked, leave_out=[OTHER], expected_plan=promise))

    rows = {row.interaction_id: row for row in Delivery.objects.filter(send=send)}
    assert {name: row.reason for name, row in rows.items() if row.reason} == {
        "spanish": "no_text_in_language",
        "script": "no_text_in_language",
    }
    assert {name: row.chat_locale for name, row in rows.items()} == {
        name: said for name, (said, _text, _own) in CHATS.items()
    }
    assert [rows[name].own_language for name in ("own", "silent", "spanish")] == [True, False, None]
    entry = AuditEntry.objects.get(action="send.created", target_ref=str(send.pk))
    assert entry.data["leave_out"] == ["other_language"]
    assert entry.data["counts"]["no_text_in_language"] == 2


def test_without_it_the_ledger_says_nothing_of_it(supervisor: User, asked: dict[str, Any]) -> None:
    send_create(supervisor.to_actor(), SendOrder(**asked))
    assert "leave_out" not in AuditEntry.objects.get(action="send.created").data


def test_it_is_part_of_what_an_idempotency_key_stands_for(
    supervisor: User, asked: dict[str, Any]
) -> None:
    actor = supervisor.to_actor()
    send = send_create(actor, SendOrder(**asked, leave_out=[OTHER, UNKNOWN], idempotency_key="k"))
    again = send_create(
        actor, SendOrder(**asked, leave_out=[UNKNOWN, OTHER, OTHER], idempotency_key="k")
    )
    assert again == send
    with pytest.raises(Conflict):
        send_create(actor, SendOrder(**asked, leave_out=[OTHER], idempotency_key="k"))
    with pytest.raises(Conflict):
        send_create(actor, SendOrder(**asked, idempotency_key="k"))


@pytest.mark.parametrize("wrong", [["all"], [""], ["other_language", " "], ["OTHER_LANGUAGE"]])
def test_what_is_no_way_to_leave_out_is_refused(
    supervisor: User, asked: dict[str, Any], wrong: list[str]
) -> None:
    with pytest.raises(InvalidInput, match="choose other_language, unknown_language"):
        send_create(supervisor.to_actor(), SendOrder(**asked, leave_out=wrong))
    assert not Send.objects.exists()


def test_a_version_that_has_both_tags_of_a_language_still_goes_out(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.text.language_tags.twice", lambda *_, **__: None)  # as it once was
    make_notice(key="both", bodies={"en": "Hello", "no": "Hei no", "nb": "Hei nb"})
    chats = ["no", "nb", "nb-NO", "en"]
    for tag in chats:
        make_interaction(tag, locale=tag)

    plan = plan_send(supervisor.to_actor(), SendOrder(notice_key="both", interactions=chats))

    assert [each.body for each in plan.targets] == ["Hei no", "Hei nb", "Hei nb", "Hello"]


def test_what_a_chat_said_of_itself_is_kept(supervisor: User, asked: dict[str, Any]) -> None:
    send_create(supervisor.to_actor(), SendOrder(**asked, leave_out=[OTHER]))
    ended = Delivery.objects.filter(interaction="spanish")
    with pytest.raises(DatabaseError), transaction.atomic():
        ended.update(chat_locale="en")
    assert ended.get().chat_locale == "es-MX"
