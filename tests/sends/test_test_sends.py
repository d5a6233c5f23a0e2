"""Drafts sent to test chats, through the whole engine; and nothing else gets there."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from console.accounts.models import Scope, User
from console.accounts.services import user_update
from console.audit.models import AuditEntry
from console.catalogue import usage
from console.catalogue.content.notices import notice_create, notice_retire
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit, version_update
from console.catalogue.models import CannedNotice, NoticeVersion
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from console.interactions.models import Interaction
from console.interactions.services import interaction_mark_test, interaction_unmark_test
from console.sends.control.retry import send_retry_failed
from console.sends.models import OutcomeTotal, Send, VersionUse
from console.sends.observe import operations
from console.sends.observe.outcome_counts import outcomes_count
from console.sends.observe.worker_metrics import drain_counts
from console.sends.plan.limits import quota_of, sent_alone
from console.sends.plan.planner import plan_send
from console.sends.plan.testing import send_test_create
from console.sends.plan.values import SendOrder
from console.sends.selectors import (
    deliveries_visible,
    delivery_get,
    send_get,
    sends_running,
    sends_seen,
    sends_visible,
)
from console.webhooks.models import Message
from console.webhooks.services.gathering import facts_gather, mark_begin
from tests.support.factories import ROOT, make_public_webhook
from tests.support.working import assert_ledger_agrees, drain, statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def draft(editor: User) -> NoticeVersion:
    return draft_of(editor, "Hello {{ data.FirstName }}")


def draft_of(author: User, body: str, key: str = "fresh", **content: Any) -> NoticeVersion:
    actor = author.to_actor()
    notice = notice_create(actor, key=key, kind="message", title="New")
    return version_create(
        actor, notice, VersionContent(default_locale="en", bodies={"en": body}, **content)
    )


@pytest.fixture
def a_test_chat(make_interaction: Any) -> str:
    return str(make_interaction("t1", test=True).pk)


def try_out(who: User, version: NoticeVersion, *chats: str, **arguments: Any) -> Send:
    return send_test_create(who.to_actor(), version, interactions=chats, **arguments)


def test_a_draft_goes_the_whole_way(
    simulator: Any, editor: User, draft: NoticeVersion, a_test_chat: str
) -> None:
    send = try_out(editor, draft, a_test_chat)
    assert send.is_test
    drain()
    assert statuses(send) == {"delivered": 1}
    (entry,) = simulator.journalled()
    assert "Hello Zoë" in json.dumps(entry, ensure_ascii=False)
    assert_ledger_agrees()
    said = AuditEntry.objects.get(action="send.created")
    assert said.data["test"] is True
    assert said.actor_ref == editor.to_actor().ref


def test_an_ordinary_chat_refuses_the_whole_test(
    editor: User, draft: NoticeVersion, a_test_chat: str, make_interaction: Any
) -> None:
    """Nor is it said whether there is such a chat."""
    make_interaction("c1")
    words = set()
    for chat in ("c1", "c99"):
        with pytest.raises(Unprocessable) as refused:
            try_out(editor, draft, a_test_chat, chat)
        assert refused.value.code == "no_test_chat"
        words.add(refused.value.message.replace(chat, "X"))
    assert len(words) == 1
    assert not Send.objects.exists()


def test_an_ordinary_send_skips_a_test_chat(
    simulator: Any, a_test_chat: str, make_interaction: Any, send_to: Any
) -> None:
    make_interaction("c1")
    send = send_to([a_test_chat, "c1"])
    drain()
    assert statuses(send) == {"skipped": 1, "delivered": 1}
    assert send.deliveries.get(status="skipped").reason == "test_chat"
    assert len(simulator.journalled()) == 1


def test_a_send_to_all_that_match_never_names_one(
    supervisor: User, a_test_chat: str, make_interaction: Any, make_notice: Any
) -> None:
    from console.interactions.audience.simple_filter import InteractionFilter

    make_interaction("c1")
    key = make_notice().notice.key
    order = SendOrder(notice_key=key, filter=InteractionFilter(all=True))
    plan = plan_send(supervisor.to_actor(), order)
    assert [target.interaction_id for target in plan.targets] == ["c1"]


def test_what_became_a_test_chat_since_gets_nothing_any_more(
    simulator: Any, make_interaction: Any, send_to: Any
) -> None:
    make_interaction("c1")
    send = send_to(["c1"])
    interaction_mark_test(ROOT, interaction_id="c1")
    drain()
    assert send.deliveries.get().reason == "test_chat"
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_what_became_an_ordinary_chat_since_gets_no_test_any_more(
    simulator: Any, editor: User, draft: NoticeVersion, a_test_chat: str
) -> None:
    send = try_out(editor, draft, a_test_chat)
    interaction_unmark_test(ROOT, interaction_id=a_test_chat)
    drain()
    assert send.deliveries.get().reason == "no_test_chat"
    assert simulator.journalled() == []
    assert_ledger_agrees()


def test_an_author_who_may_write_no_more_tests_nothing_more(
    simulator: Any, editor: User, draft: NoticeVersion, a_test_chat: str
) -> None:
    send = try_out(editor, draft, a_test_chat)
    user_update(ROOT, editor, roles=["auditor"])
    drain()
    assert send.deliveries.get().reason == "not_allowed"
    assert simulator.journalled() == []


def test_validity_does_not_matter_to_a_test(simulator: Any, editor: User, a_test_chat: str) -> None:
    later = timezone.now() + timedelta(days=3)
    send = try_out(editor, draft_of(editor, "Soon.", valid_from=later), a_test_chat)
    drain()
    assert statuses(send) == {"delivered": 1}


def test_only_the_author_tries_it_and_only_before_it_is_published(
    editor: User,
    supervisor: User,
    make_user: Any,
    draft: NoticeVersion,
    a_test_chat: str,
    make_notice: Any,
) -> None:
    for somebody in (make_user("edna", "editor"), supervisor):
        with pytest.raises(PermissionRefused):
            try_out(somebody, draft, a_test_chat)
    version_submit(editor.to_actor(), draft)
    assert try_out(editor, draft, a_test_chat).is_test  # still unpublished
    published = make_notice(key="old")
    with pytest.raises(Conflict) as refused:
        send_test_create(
            type(ROOT)("user:author", "Author", ROOT.permissions),
            published,
            interactions=[a_test_chat],
        )
    assert refused.value.code == "version_not_testable"


def test_a_program_of_the_authors_may_do_it_too(
    make_client: Any, a_test_chat: str, make_notice: Any
) -> None:
    client, _token = make_client(Scope.CATALOGUE)
    actor = client.to_actor()
    notice = notice_create(actor, key="fresh", kind="message", title="New")
    content = VersionContent(default_locale="en", bodies={"en": "Hi"})
    draft = version_create(actor, notice, content)
    assert send_test_create(actor, draft, interactions=[a_test_chat]).is_test


def test_a_retired_notice_is_not_tried(editor: User, a_test_chat: str, make_notice: Any) -> None:
    notice = make_notice(key="old").notice
    actor = editor.to_actor()
    content = VersionContent(default_locale="en", bodies={"en": "Hi"})
    draft = version_create(actor, notice, content)
    notice_retire(ROOT, notice)
    with pytest.raises(Unprocessable):
        try_out(editor, NoticeVersion.objects.get(pk=draft.pk), a_test_chat)


@pytest.mark.parametrize(("chats", "code"), [([], "no_targets"), (range(21), "too_many_targets")])
def test_some_chats_and_not_too_many(
    chats: Any, code: str, editor: User, draft: NoticeVersion
) -> None:
    with pytest.raises(InvalidInput) as refused:
        try_out(editor, draft, *map(str, chats))
    assert refused.value.code == code


def test_the_same_order_again_is_the_same_test(
    editor: User, draft: NoticeVersion, a_test_chat: str, make_interaction: Any
) -> None:
    make_interaction("t2", test=True)
    first = try_out(editor, draft, a_test_chat, idempotency_key="k")
    again = try_out(editor, draft, a_test_chat, idempotency_key="k")
    assert (again.pk, again.is_replayed) == (first.pk, True)
    with pytest.raises(Conflict):
        try_out(editor, draft, "t2", idempotency_key="k")


def test_questions_are_answered_as_in_a_send(
    simulator: Any, editor: User, a_test_chat: str
) -> None:
    asked = [{"name": "day", "label": "Day", "type": "text", "required": True}]
    draft = draft_of(editor, "On {{ field.day }}.", fields=asked)
    with pytest.raises(Unprocessable):
        try_out(editor, draft, a_test_chat)
    send = try_out(editor, draft, a_test_chat, answers={"day": "Monday"})
    assert send.deliveries.get().body == "On Monday."


def test_a_changed_draft_leaves_what_was_sent_as_it_was(
    simulator: Any, editor: User, draft: NoticeVersion, a_test_chat: str
) -> None:
    send = try_out(editor, draft, a_test_chat)
    version_update(editor.to_actor(), draft, {"bodies": {"en": "Quite different."}})
    drain()
    assert send.deliveries.get().body == "Hello Zoë"
    assert_ledger_agrees()


# --- It counts nowhere ---------------------------------------------------------------------------


@pytest.fixture
def both(make_user: Any) -> User:
    """Somebody who writes and sends, so that nothing is hidden for want of a permission."""
    return make_user("bo", "supervisor", "editor", "auditor", "administrator")


def test_it_is_in_no_list_and_no_number(
    simulator: Any, both: User, a_test_chat: str, settings: Any
) -> None:
    settings.APPROVAL_ABOVE = 1
    draft = draft_of(both, "Hello")
    actor = both.to_actor()
    send = try_out(both, draft, a_test_chat)
    assert list(sends_running(actor)) == []
    assert [queue.due + queue.later for queue in operations.queues()] == [0]
    taken = drain_counts["chat-east"].claimed if "chat-east" in drain_counts else 0
    drain()
    outcomes_count()
    assert drain_counts["chat-east"].claimed == taken + 1  # what a worker counts of its wire

    for found in (sends_visible(actor), sends_seen(actor), deliveries_visible(actor)):
        assert list(found) == []
    quota = quota_of(actor, timezone.now())
    assert quota is not None
    assert quota.used == []
    assert sent_alone(actor, draft.notice, timezone.now()) == 0
    assert not VersionUse.objects.exists()
    assert not OutcomeTotal.objects.exclude(total=0).exists()
    uses = usage.notice_uses(actor, [draft.notice_id], days=1)
    assert uses == {}
    assert usage.recent_ids(actor) == []
    everything = CannedNotice.objects.with_status()
    assert not usage.most_used(everything, days=1)
    # By their numbers they are found: the ledger names them.
    assert send_get(actor, send.pk).is_test
    assert delivery_get(actor, send.deliveries.get().pk)


def test_a_real_send_beside_it_counts(
    simulator: Any, both: User, a_test_chat: str, send_to: Any, make_interaction: Any
) -> None:
    make_interaction("c1")
    try_out(both, draft_of(both, "Hello"), a_test_chat)
    real = send_to(["c1"])
    drain()
    outcomes_count()
    assert list(sends_visible(both.to_actor())) == [real]
    assert OutcomeTotal.objects.get(outcome="delivered").total == 1
    assert VersionUse.objects.get().version == real.version


def test_webhooks_hear_nothing_of_it(
    simulator: Any, both: User, a_test_chat: str, send_to: Any, make_interaction: Any
) -> None:
    make_public_webhook()
    mark_begin()
    make_interaction("c1")
    try_out(both, draft_of(both, "Hello"), a_test_chat)
    real = send_to(["c1"])
    drain()
    facts_gather()
    told = [json.loads(body)["data"] for body in Message.objects.values_list("body", flat=True)]
    assert {data["send"] for data in told if "send" in data} == {real.pk}


def test_it_is_not_tried_again(
    both: User, a_test_chat: str, editor: User, draft: NoticeVersion
) -> None:
    send = try_out(editor, draft, a_test_chat)
    with pytest.raises(Conflict) as refused:
        send_retry_failed(both.to_actor(), send)
    assert refused.value.code == "test_not_retried"


def test_a_fail_over_leaves_it_one(a_test_chat: str, make_interaction: Any) -> None:
    make_interaction(a_test_chat, user_data={"ChatServerAppName": "chat-west"})
    assert Interaction.objects.get(pk=a_test_chat).is_test


def test_postgresql_keeps_a_test_a_test(
    editor: User, draft: NoticeVersion, a_test_chat: str
) -> None:
    send = try_out(editor, draft, a_test_chat)
    with pytest.raises(DatabaseError), transaction.atomic():
        Send.objects.filter(pk=send.pk).update(is_test=False)
