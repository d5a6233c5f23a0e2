"""Creating, previewing and cancelling sends: what is decided before anything leaves."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.actors import Actor
from console.audit.models import AuditEntry
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused, Unprocessable
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.services import chat_server_create, chat_server_update
from console.sends.control.pausing import send_cancel
from console.sends.engine.queue import HELD_UNTIL
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import Canary, SendOrder
from tests.support.broken_ledger import broken_ledger
from tests.support.factories import REVIEWER, ROOT
from tests.support.preset_proposals import approve_seen

pytestmark = pytest.mark.usefixtures("chat_server")


def jobs():
    from procrastinate.contrib.django.models import ProcrastinateJob

    return list(ProcrastinateJob.objects.order_by("id").values_list("task_name", "args"))


def test_preview_says_what_each_chat_gets_and_writes_nothing(
    supervisor, make_interaction, make_notice
):
    make_interaction("zoe", user_data={"FirstName": "Zoë"})
    make_interaction("nameless", user_data={"FirstName": ""})
    make_interaction("gone", user_data={"IsOnline": "0"})
    make_interaction("elsewhere", user_data={"ChatServerAppName": "chat-west"})
    make_interaction("nowhere", user_data={"ChatServerAppName": ""})
    make_notice("Hello {{ data.FirstName }}!", key="hello")

    plan = plan_send(
        supervisor.to_actor(),
        SendOrder(
            notice_key="hello",
            interactions=["zoe", "nameless", "gone", "elsewhere", "nowhere", "nobody", "zoe"],
        ),
    )

    assert [(t.interaction_id, t.body, t.reason) for t in plan.targets] == [
        ("zoe", "Hello Zoë!", ""),
        ("nameless", "", "unresolved_variable"),
        ("gone", "", "offline"),
        ("elsewhere", "", "unknown_chat_server"),
        ("nowhere", "", "unknown_chat_server"),
        ("nobody", "", "not_allowed"),
    ]
    assert plan.counts == {
        "ready": 1,
        "unresolved_variable": 1,
        "offline": 1,
        "unknown_chat_server": 2,
        "not_allowed": 1,
    }
    assert not Send.objects.exists()
    assert jobs() == []


def test_creating_writes_send_deliveries_audit_and_job_together(
    supervisor, make_interaction, make_notice
):
    make_interaction("zoe")
    make_interaction("gone", user_data={"IsOnline": "0"})
    make_notice("Hello", key="hello")

    send = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key="hello", interactions=["zoe", "gone"], why="late"),
    )

    assert send.status == SendStatus.RUNNING
    zoe, gone = send.deliveries.order_by("pk")
    assert (zoe.status, zoe.body, zoe.method) == (DeliveryStatus.PENDING, "Hello", "Message")
    assert (gone.status, gone.reason) == (DeliveryStatus.SKIPPED, "offline")
    created, skipped = AuditEntry.objects.filter(action__regex="^(send|deliveries)").order_by("seq")
    assert created.action == "send.created"
    assert created.actor_ref == f"user:{supervisor.pk}"
    assert created.data["counts"] == {"ready": 1, "offline": 1}
    assert skipped.action == "deliveries.skipped"
    assert "Hello" not in str(created.data) + str(skipped.data)
    assert jobs() == [("console.sends.tasks.drain", {"servers": ["chat-east"]})]


@pytest.mark.django_db(transaction=True)
def test_if_the_ledger_cannot_be_written_nothing_is(supervisor, make_interaction, make_notice):
    make_interaction("zoe")
    make_notice("Hello", key="hello")

    with broken_ledger(), pytest.raises(DatabaseError, match="the ledger is broken"):
        send_create(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=["zoe"]))

    assert not Send.objects.exists()
    assert not Delivery.objects.exists()
    assert jobs() == []


def test_a_send_where_nobody_can_be_reached_is_over_at_once(
    supervisor, make_interaction, make_notice
):
    make_interaction("gone", user_data={"IsOnline": "0"})
    make_notice(key="hello")
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=["gone"]))
    assert send.status == SendStatus.FINISHED
    assert send.finished_at is not None
    assert jobs() == []
    _created, skipped, finished = AuditEntry.objects.filter(target_kind="send").order_by("seq")
    assert (skipped.action, finished.action) == ("deliveries.skipped", "send.finished")
    assert (finished.target_ref, finished.data) == (str(send.pk), {"counts": {"skipped": 1}})


def test_a_new_version_since_the_preview_is_not_sent_unseen(
    supervisor, make_interaction, make_notice
):
    """Else "send to staff" on the button could become a send to customers."""
    actor = supervisor.to_actor()
    arguments: dict[str, Any] = {"notice_key": "note", "interactions": ["a"]}
    make_interaction("a")
    version = make_notice("For staff", key="note", visibility="INT")
    shown = Promise.of(plan_send(actor, SendOrder(**arguments))).written()
    from console.catalogue.content.version_content import VersionContent
    from console.catalogue.content.versions import version_approve, version_create, version_submit
    from console.catalogue.selectors import notice_get

    author = Actor("user:author", "Author", ROOT.permissions)
    draft = version_create(
        author,
        notice_get(ROOT, version.notice.key),
        VersionContent(default_locale="en", bodies={"en": "For staff"}),
    )
    version_submit(author, draft)
    version_approve(ROOT, draft)
    with pytest.raises(Conflict, match="another version"):
        send_create(actor, SendOrder(**arguments, expected_plan=shown))


def test_undo_seconds_hold_a_send_and_a_job_waits_for_their_end(
    supervisor, make_interaction, make_notice
):
    make_interaction("zoe")
    make_notice(key="hello")
    send = send_create(
        supervisor.to_actor(), SendOrder(notice_key="hello", interactions=["zoe"], undo_seconds=5)
    )
    assert send.status == SendStatus.HOLDING
    assert timedelta(seconds=4) < send.release_at - timezone.now() <= timedelta(seconds=5)
    assert jobs() == [("console.sends.tasks.release", {"send_id": send.pk})]


@pytest.mark.parametrize(
    ("ahead", "words"), [(timedelta(seconds=-1), "passed"), (timedelta(days=367), "366 days")]
)
def test_a_schedule_is_in_the_near_future(ahead, words, supervisor, make_interaction, make_notice):
    make_interaction("zoe")
    make_notice(key="hello")
    with pytest.raises(InvalidInput, match=words):
        send_create(
            supervisor.to_actor(),
            SendOrder(
                notice_key="hello", interactions=["zoe"], scheduled_at=timezone.now() + ahead
            ),
        )


def test_a_preset_for_some_roles_is_offered_to_these_alone(supervisor, make_client):
    from console.catalogue.review.presets import preset_create
    from console.catalogue.selectors import usable_preset_get, usable_presets

    preset = preset_create(ROOT, name="Auditors", visibility="INT", roles=["auditor"])
    mine = preset_create(ROOT, name="Mine", visibility="INT", roles=["supervisor", "auditor"])
    for each in (preset, mine):
        approve_seen(REVIEWER, each)
    names = set(usable_presets(supervisor.to_actor()).values_list("name", flat=True))
    assert names == {"Everyone", "Staff only", "Supervisors only", "Mine"}
    assert usable_preset_get(supervisor.to_actor(), mine.pk) == mine
    with pytest.raises(NotFound):
        usable_preset_get(supervisor.to_actor(), preset.pk)
    client, _token = make_client("send")
    assert usable_presets(client.to_actor()).count() == 3


def test_the_team_decides_which_chats_one_reaches(
    supervisor, outsider, make_interaction, make_notice
):
    make_interaction("in-sales", queue="sales")
    make_notice(key="hello")
    mine = plan_send(
        supervisor.to_actor(), SendOrder(notice_key="hello", interactions=["in-sales"])
    )
    theirs = plan_send(
        outsider.to_actor(), SendOrder(notice_key="hello", interactions=["in-sales"])
    )
    assert mine.targets[0].reason == ""
    assert theirs.targets[0].reason == "not_allowed"
    assert theirs.targets[0].customer_name == ""
    with pytest.raises(InvalidInput, match="No chat"):
        plan_send(
            outsider.to_actor(),
            SendOrder(notice_key="hello", filter=InteractionFilter(queue="sales")),
        )


def test_a_filter_is_resolved_and_kept(supervisor, make_interaction, make_notice):
    make_interaction("a", queue="billing")
    make_interaction("b", queue="support")
    make_notice(key="hello")
    send = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key="hello", filter=InteractionFilter(queue="billing")),
    )
    assert [d.interaction_id for d in send.deliveries.all()] == ["a"]
    assert send.target == {"filter": {"queue": "billing"}}


@pytest.mark.parametrize(
    ("approved", "wanted", "outcome"),
    [
        ("ALL", "INT", "INT"),
        ("ALL", "VIP", "VIP"),
        ("INT", "VIP", "VIP"),
        ("INT", None, "INT"),
        ("INT", "ALL", Unprocessable),
        ("VIP", "ALL", Unprocessable),
        ("VIP", "INT", Unprocessable),
        ("ALL", "all", InvalidInput),
    ],
)
def test_visibility_may_be_narrowed_and_never_widened(
    approved, wanted, outcome, supervisor, make_interaction, make_notice
):
    make_interaction("zoe")
    make_notice(key="note", visibility=approved)
    arguments = {"notice_key": "note", "interactions": ["zoe"], "visibility": wanted}
    if isinstance(outcome, str):
        assert plan_send(supervisor.to_actor(), SendOrder(**arguments)).visibility == outcome
    else:
        with pytest.raises(outcome):
            plan_send(supervisor.to_actor(), SendOrder(**arguments))


def test_a_notice_that_can_not_be_sent_says_why(
    supervisor, make_interaction, make_notice, editor, monkeypatch
):
    from console.catalogue.content import versions
    from console.catalogue.content.notices import notice_create, notice_retire

    make_interaction("zoe")
    actor = supervisor.to_actor()

    def preview(key):
        return plan_send(actor, SendOrder(notice_key=key, interactions=["zoe"]))

    with pytest.raises(NotFound):
        preview("no-such-notice")
    notice_create(ROOT, key="empty", kind="message", title="Empty")
    with pytest.raises(Unprocessable, match="no published version"):
        preview("empty")
    with monkeypatch.context() as patch:
        patch.setattr(versions, "has_ended", lambda version: False)  # it ended after the approval
        make_notice(key="past", valid_until=timezone.now() - timedelta(minutes=1))
    with pytest.raises(Unprocessable, match="not valid now"):
        preview("past")
    make_notice(key="future", valid_from=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Unprocessable, match="not valid now"):
        preview("future")
    notice_retire(ROOT, make_notice(key="retired").notice)
    with pytest.raises(Unprocessable, match="retired"):
        preview("retired")


def test_targets_must_be_said_one_way(supervisor, make_notice, settings):
    make_notice(key="hello")
    actor = supervisor.to_actor()
    with pytest.raises(InvalidInput, match="either"):
        plan_send(actor, SendOrder(notice_key="hello"))
    with pytest.raises(InvalidInput, match="either"):
        plan_send(
            actor, SendOrder(notice_key="hello", interactions=["a"], filter=InteractionFilter())
        )
    with pytest.raises(InvalidInput, match="at least one"):
        plan_send(actor, SendOrder(notice_key="hello", interactions=[]))
    wrong: Any
    for wrong in ("", "x" * 65, "new\nline", 7):
        with pytest.raises(InvalidInput, match="interaction id"):
            plan_send(actor, SendOrder(notice_key="hello", interactions=[wrong]))
    settings.TARGET_LIMIT = 2
    with (
        pytest.raises(InvalidInput, match="More than 2"),
        CaptureQueriesContext(connection) as queries,
    ):
        plan_send(actor, SendOrder(notice_key="hello", interactions=["a", "b", "c"]))
    assert "interactions_interaction" not in str(queries.captured_queries)  # none is looked up


def test_a_disabled_chat_server_is_a_reason(supervisor, make_interaction, make_notice, chat_server):
    make_interaction("zoe")
    make_notice(key="hello")
    chat_server_update(ROOT, chat_server, enabled=False)
    plan = plan_send(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=["zoe"]))
    assert plan.targets[0].reason == "chat_server_disabled"


def test_only_those_who_may_send_do(editor, auditor, make_interaction, make_notice):
    make_interaction("zoe")
    make_notice(key="hello")
    for person in (editor, auditor):
        with pytest.raises(PermissionRefused):
            send_create(person.to_actor(), SendOrder(notice_key="hello", interactions=["zoe"]))


def test_the_same_idempotency_key_answers_with_the_same_send(
    supervisor, outsider, make_interaction, make_notice
):
    make_interaction("zoe")
    make_notice(key="hello")
    make_notice(key="other")

    def create(person, key, notice="hello"):
        return send_create(
            person.to_actor(),
            SendOrder(notice_key=notice, interactions=["zoe"], idempotency_key=key),
        )

    first = create(supervisor, "k1")
    assert create(supervisor, "k1").pk == first.pk
    assert create(supervisor, "k2").pk != first.pk
    assert create(outsider, "k1").pk != first.pk
    with pytest.raises(Conflict, match="another send"):
        create(supervisor, "k1", notice="other")
    with pytest.raises(InvalidInput):
        create(supervisor, "new\nline")
    assert Delivery.objects.count() == 3


# --- Cancel --------------------------------------------------------------------------------------


def test_cancelling_stops_what_waits(supervisor, make_interaction, make_notice):
    make_interaction("zoe")
    make_interaction("gone", user_data={"IsOnline": "0"})
    make_notice(key="hello")
    actor = supervisor.to_actor()
    send = send_create(
        actor, SendOrder(notice_key="hello", interactions=["zoe", "gone"], undo_seconds=5)
    )

    cancelled = send_cancel(actor, send)

    assert cancelled.status == SendStatus.CANCELLED
    assert [d.status for d in send.deliveries.order_by("pk")] == ["cancelled", "skipped"]
    actions = list(AuditEntry.objects.order_by("-seq").values_list("action", flat=True)[:2])
    assert actions == ["deliveries.cancelled", "send.cancelled"]
    with pytest.raises(Conflict, match="nothing waits"):
        send_cancel(actor, send)


def test_only_the_sender_or_an_administrator_cancels(
    supervisor, outsider, administrator, make_interaction, make_notice
):
    make_interaction("zoe")
    make_notice(key="hello")
    for stopper in (supervisor, administrator):
        send = send_create(
            supervisor.to_actor(), SendOrder(notice_key="hello", interactions=["zoe"])
        )
        with pytest.raises(PermissionRefused, match="Sue"):
            send_cancel(outsider.to_actor(), send)
        assert send_cancel(stopper.to_actor(), send).status == SendStatus.CANCELLED


@pytest.mark.parametrize(("number", "is_by_server"), [(63, False), (64, True)])
def test_the_deliveries_of_a_large_send_lie_by_chat_server(
    supervisor: Any, make_notice: Any, make_interaction: Any, number: int, is_by_server: bool
) -> None:
    """Those of a shorter one keep the order of the choice. The first chats are those of the choice
    in both."""
    chat_server_create(ROOT, name="chat-west", url="esp+json://127.0.0.1:9")
    make_notice("Hello", key="hello")
    chosen = [f"c{n:02}" for n in range(number)]
    of_server = {name: ("chat-west", "chat-east")[n % 2] for n, name in enumerate(chosen)}
    for name in chosen:
        make_interaction(name, user_data={"ChatServerAppName": of_server[name]})

    send = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key="hello", interactions=chosen, canary=Canary(3)),
    )

    found = send.deliveries.order_by("pk").values_list(
        "interaction_id", "chat_server_name", "body_salt"
    )
    names = [name for name, _server, _salt in found]
    assert names == (sorted(chosen, key=of_server.__getitem__) if is_by_server else chosen)
    assert {name: server for name, server, _salt in found} == of_server
    assert len({salt for _name, _server, salt in found}) == number
    leaving = Outbox.objects.filter(due_at__lt=HELD_UNTIL)
    assert set(leaving.values_list("delivery__interaction_id", flat=True)) == set(chosen[:3])
    assert Outbox.objects.count() == number
