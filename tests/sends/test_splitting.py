"""Several sends of one notice count as one, where that decides whether a second person approves."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from console.accounts.models import ApiClient, User
from console.accounts.services import api_client_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import CannedNotice
from console.errors import Conflict
from console.sends.control.approval import send_approve, send_reject, send_reschedule
from console.sends.control.pausing import send_cancel
from console.sends.control.retry import send_retry_failed
from console.sends.models import Delivery, DeliveryStatus, Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import changing_what_has_ended

pytestmark = pytest.mark.usefixtures("chat_server")
MINUTE = timedelta(minutes=1)
ALONE, ASKS = SendStatus.RUNNING, SendStatus.AWAITING_APPROVAL

Create = Callable[..., Send]


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.APPROVAL_ABOVE = 3


@pytest.fixture
def ids(make_interaction: Callable[..., Any], make_notice: Callable[..., Any]) -> list[str]:
    make_notice("Hello", key="hello")
    make_notice("Bye", key="bye")
    return [make_interaction(f"c{number}").pk for number in range(10)]


@pytest.fixture
def create(supervisor: User, ids: list[str]) -> Create:
    """A send to so many chats of which none has got anything yet."""
    left = list(ids)

    def make(
        number: int, who: User | ApiClient = supervisor, key: str = "hello", **more: Any
    ) -> Send:
        chats = [left.pop() for _ in range(number)]
        return send_create(who.to_actor(), SendOrder(notice_key=key, interactions=chats, **more))

    return make


def test_what_is_split_asks_as_one_would(create: Create) -> None:
    assert create(3).status == ALONE
    assert create(3).status == ASKS
    assert create(1).status == ASKS


def test_what_asks_does_not_count_until_it_leaves_alone(create: Create, approver: User) -> None:
    """The limit is of what one person sends on their own word: the others are approved, or off."""
    assert send_approve(approver.to_actor(), create(4)).status == SendStatus.RUNNING
    send_reject(approver.to_actor(), create(4), reason="No")
    assert create(2).status == ALONE


def test_each_notice_and_each_person_by_itself(
    create: Create, outsider: User, make_notice: Callable[..., Any]
) -> None:
    create(3)
    assert create(3, key="bye").status == ALONE
    assert create(3, who=outsider).status == ALONE


def test_another_version_is_the_same_notice(create: Create, editor: User) -> None:
    create(3)
    author, notice = editor.to_actor(), CannedNotice.objects.get(key="hello")
    draft = version_create(author, notice, VersionContent(default_locale="en", bodies={"en": "Hi"}))
    version_approve(ROOT, version_submit(author, draft))
    assert create(1).status == ASKS


def test_a_person_and_their_programs_are_one(create: Create, supervisor: User) -> None:
    one, two = (
        api_client_create(ROOT, name=name, scopes=["send"], owner=supervisor)[0]
        for name in ("one", "two")
    )
    assert [create(1, who=who).status for who in (supervisor, one, two)] == [ALONE] * 3
    assert [create(1, who=who).status for who in (supervisor, one, two)] == [ASKS] * 3


def test_a_program_without_an_owner_is_one_too(
    create: Create, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    client, other = make_client("send")[0], make_client("send")[0]
    assert [create(2, who=client).status for _ in range(2)] == [ALONE, ASKS]
    assert create(2, who=other).status == ALONE


def test_it_ends_after_an_hour(create: Create) -> None:
    send = create(3)
    with changing_what_has_ended():
        Send.objects.filter(pk=send.pk).update(release_at=timezone.now() - 61 * MINUTE)
    assert create(3).status == ALONE


def test_what_was_undone_does_not_count(create: Create, supervisor: User) -> None:
    send_cancel(supervisor.to_actor(), create(3, undo_seconds=5))
    assert create(3).status == ALONE


def test_what_is_to_leave_at_one_time_counts_together(create: Create, supervisor: User) -> None:
    """Whenever it was made; and one that is moved there asks, too."""
    at = timezone.now() + timedelta(days=1)
    first = create(3, scheduled_at=at)
    with changing_what_has_ended():
        Send.objects.filter(pk=first.pk).update(created_at=timezone.now() - 90 * MINUTE)
    assert create(1, scheduled_at=at + 30 * MINUTE).status == ASKS
    apart = create(3, scheduled_at=at + 90 * MINUTE)
    assert apart.status == SendStatus.SCHEDULED
    moved = send_reschedule(supervisor.to_actor(), apart, scheduled_at=at + 30 * MINUTE)
    assert moved.status == ASKS


def test_trying_again_is_not_another_send(create: Create, supervisor: User) -> None:
    send = create(3)
    with changing_what_has_ended():
        Delivery.objects.filter(send=send).update(
            status=DeliveryStatus.FAILED, finished_at=timezone.now(), attempts=1
        )
        Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED)
    assert send_retry_failed(supervisor.to_actor(), send).status == ALONE


def test_the_preview_says_so(create: Create, supervisor: User, ids: list[str]) -> None:
    actor = supervisor.to_actor()
    before = plan_send(actor, SendOrder(notice_key="hello", interactions=ids[:2]))
    create(2)
    plan = plan_send(actor, SendOrder(notice_key="hello", interactions=ids[:2]))
    assert (before.needs_approval, plan.needs_approval, plan.sent_before) == (False, True, 2)
    promise = Promise.of(before).written()
    with pytest.raises(Conflict, match="come to need a second person's approval"):
        send_create(
            actor, SendOrder(notice_key="hello", interactions=ids[:2], expected_plan=promise)
        )


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_exceed_it_together(supervisor: User, ids: list[str]) -> None:
    programs = [
        api_client_create(ROOT, name=str(number), scopes=["send"], owner=supervisor)[0]
        for number in range(3)
    ]
    people: list[User | ApiClient] = [supervisor, *programs]
    start = Barrier(4)

    def click(number: int) -> str:
        who = people[number]
        try:
            start.wait(60)
            chats = ids[2 * number : 2 * number + 2]
            send = send_create(who.to_actor(), SendOrder(notice_key="hello", interactions=chats))
            return str(send.status)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(click, range(4)))
    assert answers == [ASKS, ASKS, ASKS, ALONE]
