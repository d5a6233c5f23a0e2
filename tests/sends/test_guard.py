"""A chat does not get the same notice twice within minutes, whoever sends it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.actors import Actor
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.selectors import notice_get
from console.sends.control.pausing import send_cancel, send_pause
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import last_entry, statuses

pytestmark = pytest.mark.usefixtures("chat_server")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _guard(settings):
    settings.RESEND_GUARD_MINUTES = 10


@pytest.fixture
def hello(make_notice):
    make_notice("Hello", key="hello")


@pytest.fixture
def create(supervisor, hello):
    def make(*ids, notice="hello", **arguments):
        return send_create(
            supervisor.to_actor(), SendOrder(notice_key=notice, interactions=list(ids), **arguments)
        )

    return make


@pytest.fixture
def preview(outsider, hello):
    """What somebody else is told about the one chat."""

    def look(chat, notice="hello", **arguments):
        arguments["notice_key"] = notice
        (target,) = plan_send(
            outsider.to_actor(), SendOrder(interactions=[chat], **arguments)
        ).targets
        return target.reason, target.detail

    return look


def end(send, status=DeliveryStatus.DELIVERED, ago=timedelta()):
    at = timezone.now() - ago
    send.deliveries.update(status=status, attempted_at=at, finished_at=at)
    Outbox.objects.filter(send=send).delete()
    Send.objects.filter(pk=send.pk).update(status=SendStatus.FINISHED, finished_at=at)


@pytest.mark.parametrize(
    ("status", "ago", "detail"),
    [
        ("delivered", 0 * MINUTE, "The chat got this notice less than a minute ago."),
        ("delivered", 1 * MINUTE, "The chat got this notice 1 minute ago."),
        ("delivered", 3 * MINUTE, "The chat got this notice 3 minutes ago."),
        ("delivered", 9.9 * MINUTE, "The chat got this notice 10 minutes ago."),
        ("delivered", 10.1 * MINUTE, ""),
        ("unknown", 3 * MINUTE, "The chat may have got this notice 3 minutes ago."),
        ("failed", 3 * MINUTE, ""),
        ("skipped", 3 * MINUTE, ""),
        ("cancelled", 3 * MINUTE, ""),
    ],
)
def test_what_came_before_decides(status, ago, detail, make_interaction, create, preview):
    make_interaction("zoe")
    end(create("zoe"), status, ago)
    assert preview("zoe") == ("recently_sent" if detail else "", detail)


def test_what_waits_or_is_on_its_way_counts(make_interaction, create, preview):
    make_interaction("zoe")
    create("zoe")
    assert preview("zoe")[1] == "This notice waits for the chat already, by another send."
    Delivery.objects.update(
        status="sending", claim="0" * 32, attempted_at=timezone.now(), attempts=1
    )
    assert preview("zoe")[1] == "This notice is on its way to the chat already, by another send."


def test_what_has_waited_for_long_still_counts(make_interaction, create, preview, supervisor):
    """It may leave at any moment."""
    make_interaction("zoe")
    send = create("zoe")
    send_pause(supervisor.to_actor(), send)
    Send.objects.update(release_at=timezone.now() - 60 * MINUTE)
    assert preview("zoe")[0] == "recently_sent"
    send_cancel(supervisor.to_actor(), send)
    assert preview("zoe") == ("", "")


def test_another_notice_or_another_chat_is_another_matter(
    make_interaction, make_notice, create, preview
):
    make_interaction("zoe")
    make_interaction("max")
    make_notice("Other", key="other")
    end(create("zoe"))
    assert preview("zoe", notice="other") == ("", "")
    assert preview("max") == ("", "")


def test_another_version_is_the_same_notice(make_interaction, create, preview):
    make_interaction("zoe")
    end(create("zoe"))
    author = Actor("user:author", "Author", ROOT.permissions)
    draft = version_create(
        author,
        notice_get(ROOT, "hello"),
        VersionContent(default_locale="en", bodies={"en": "Hello again"}),
    )
    version_submit(author, draft)
    version_approve(ROOT, draft)
    assert preview("zoe")[0] == "recently_sent"


def test_schedules_are_compared_with_each_other(make_interaction, create, preview):
    make_interaction("zoe")
    now = timezone.now()
    create("zoe", scheduled_at=now + 60 * MINUTE)
    assert preview("zoe") == ("", "")
    for minutes, reason in ((45, ""), (52, "recently_sent"), (68, "recently_sent"), (75, "")):
        assert preview("zoe", scheduled_at=now + minutes * MINUTE)[0] == reason
    assert preview("zoe", scheduled_at=now + 52 * MINUTE)[1].endswith("It is due in 60 minutes.")


def test_nothing_personal_is_kept_of_who_is_skipped_for_it(make_interaction, create):
    make_interaction("zoe")
    make_interaction("max")
    end(create("zoe"))
    send = create("zoe", "max")
    skipped, ready = send.deliveries.order_by("pk")
    assert (skipped.status, skipped.reason, skipped.body) == ("skipped", "recently_sent", "")
    assert (ready.status, ready.body) == ("pending", "Hello")
    assert send.ready_count == 1
    assert last_entry("send.created").data["counts"] == {"recently_sent": 1, "ready": 1}
    assert last_entry("deliveries.skipped").data["deliveries"][0]["reason"] == "recently_sent"


def test_who_means_it_sends_nevertheless_and_it_is_noted(make_interaction, create, preview):
    make_interaction("zoe")
    end(create("zoe"))
    assert create("zoe").status == SendStatus.FINISHED
    assert "allow_repeat" not in last_entry("send.created").data
    assert preview("zoe", ignore_recent=True) == ("", "")
    assert create("zoe", ignore_recent=True).status == SendStatus.RUNNING
    assert last_entry("send.created").data["allow_repeat"] is True


def test_a_site_may_do_without_it(make_interaction, create, preview, settings):
    make_interaction("zoe")
    end(create("zoe"))
    settings.RESEND_GUARD_MINUTES = 0
    assert preview("zoe") == ("", "")
    assert create("zoe").ready_count == 1


def test_what_was_sent_since_the_preview_is_not_sent_twice(
    make_interaction, create, outsider, hello
):
    make_interaction("zoe")
    arguments: dict[str, Any] = {"notice_key": "hello", "interactions": ["zoe"]}
    shown = Promise.of(plan_send(outsider.to_actor(), SendOrder(**arguments))).written()
    create("zoe")
    send = send_create(outsider.to_actor(), SendOrder(**arguments, expected_plan=shown))
    assert (send.ready_count, send.deliveries.get().reason) == (0, "recently_sent")


def test_it_costs_one_query_however_many_chats(make_interaction, create):
    ids = [make_interaction(f"c{number}").pk for number in range(20)]

    def queries(*chats):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            create(*chats)
        return len(captured)

    create(*ids)
    assert queries(*ids) == queries(ids[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seen_before", [False, True])
def test_two_people_at_once_bring_it_once(
    supervisor, outsider, make_interaction, hello, seen_before
):
    """Also when both have seen, a moment before, that the chat is free."""
    make_interaction("zoe")
    people = [supervisor.to_actor(), outsider.to_actor()] * 2
    arguments: dict[str, Any] = {"notice_key": "hello", "interactions": ["zoe"]}
    if seen_before:
        for person in people:
            assert plan_send(person, SendOrder(**arguments)).ready
    start = Barrier(len(people))

    def click(person):
        try:
            start.wait(60)
            return send_create(person, SendOrder(**arguments)).ready_count
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        assert sorted(pool.map(click, people)) == [0, 0, 0, 1]
    assert statuses() == {"pending": 1, "skipped": 3}


@pytest.mark.django_db(transaction=True)
def test_the_same_request_at_once_is_still_one_send(supervisor, make_interaction, hello):
    """The second finds the first one's send, and not that its chat is taken by it."""
    make_interaction("zoe")
    actor = supervisor.to_actor()
    arguments: dict[str, Any] = {
        "notice_key": "hello",
        "interactions": ["zoe"],
        "idempotency_key": "k",
    }
    plan = plan_send(actor, SendOrder(notice_key="hello", interactions=["zoe"]))
    shown = Promise.of(plan).written()
    start = Barrier(4)

    def click(_number):
        try:
            start.wait(60)
            return send_create(actor, SendOrder(**arguments, expected_plan=shown)).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(click, range(4)))) == 1
    assert statuses() == {"pending": 1}
