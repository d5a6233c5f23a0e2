"""Home: what needs each role now, and nothing of others."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts.models import User
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_reject, version_submit
from console.catalogue.models import NoticeVersion
from console.incidents.services.incidents import (
    incident_close,
    incident_confirm,
    incident_start,
)
from console.interactions.models import ChatServer
from console.sends.engine.outcomes import Ending
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.web.home.matters import MOST, matters
from tests.support.factories import AUTHOR, REVIEWER, make_playbook
from tests.support.signing_in import sign_in
from tests.support.working import leased_step

pytestmark = pytest.mark.django_db


def kinds(person: User) -> list[tuple[str, str]]:
    return [(str(matter.kind), matter.title) for matter in matters(person.to_actor())[0]]


def test_nobody_has_anything_to_do_at_first(
    supervisor: User, editor: User, approver: User, auditor: User, administrator: User
) -> None:
    for person in (supervisor, editor, approver, auditor, administrator):
        assert kinds(person) == []
        page = sign_in(Client(), person).get("/home/").content.decode()
        assert "Nothing needs you now." in page


def test_an_approver_sees_what_waits(
    make_send: Callable[..., Send],
    make_notice: Callable[..., NoticeVersion],
    approver: User,
    supervisor: User,
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 1
    send = make_send(3)
    version = make_notice("Old.", key="new-words")
    draft = version_create(
        AUTHOR, version.notice, VersionContent(default_locale="en", bodies={"en": "New."})
    )
    version_submit(AUTHOR, draft)
    assert kinds(approver) == [
        ("Review of a notice", "Notice new-words"),
        ("Approval", send.version.notice.title),
    ]
    page = sign_in(Client(), approver).get("/home/").content.decode()
    assert f'href="/sends/{send.pk}/"' in page
    assert kinds(supervisor) == []  # nobody decides on their own send


def test_a_supervisor_sees_their_own_sends_that_went_wrong(
    make_send: Callable[..., Send], supervisor: User, make_user: Callable[..., User]
) -> None:
    paused = make_send(1)
    Send.objects.filter(pk=paused.pk).update(
        status=SendStatus.PAUSED, pause_reason="Too many failed."
    )
    broken = make_send(2)
    step = leased_step(ChatServer.objects.get(), room=2)
    assert len(step.claimed) == 2

    endings = [
        Ending(step.claimed[0], DeliveryStatus.FAILED, "refused"),
        Ending(step.claimed[1], DeliveryStatus.UNKNOWN, "no_answer"),
    ]
    leased_step(ChatServer.objects.get(), endings=endings, settled=[step.claimed[0].claim])
    broken.refresh_from_db()
    assert broken.status == SendStatus.FINISHED
    assert {kind for kind, _title in kinds(supervisor)} == {"Paused by itself", "Failed", "Unknown"}
    other = make_user("otto", "supervisor", teams=list(supervisor.teams.all()))
    assert kinds(other) == []
    Send.objects.filter(pk=broken.pk).update(finished_at=timezone.now() - timedelta(days=2))
    assert [kind for kind, _title in kinds(supervisor)] == ["Paused by itself"]


def test_an_editor_sees_texts_that_end_and_what_was_rejected(
    make_notice: Callable[..., NoticeVersion], editor: User
) -> None:
    soon = timezone.now() + timedelta(days=2)
    make_notice("Ends.", key="ends", valid_until=soon)
    make_notice("Stays.", key="stays", valid_until=soon + timedelta(days=30))
    version = make_notice("Fine.", key="mine")
    actor = editor.to_actor()
    draft = version_create(
        actor, version.notice, VersionContent(default_locale="en", bodies={"en": "Bad."})
    )
    version_submit(actor, draft)
    version_reject(REVIEWER, draft, reason="Too short.")
    assert set(kinds(editor)) == {("Ends soon", "Notice ends"), ("Rejected", "Notice mine")}
    page = sign_in(Client(), editor).get("/home/").content.decode()
    assert "Reviewer: Too short." in page


def test_an_administrator_sees_chat_servers_that_rest(
    chat_server: ChatServer, administrator: User, supervisor: User
) -> None:
    ChatServer.objects.update(health="unhealthy", health_since=timezone.now())
    assert kinds(administrator) == [("Chat Server unreachable", "chat-east")]
    assert kinds(supervisor) == []


def test_it_shows_only_so_many_of_a_kind(
    administrator: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(MOST + 5):
        ChatServer.objects.create(
            name=f"s{number:02}", url="esp://127.0.0.1:1", held_at=timezone.now()
        )
    found, more = matters(administrator.to_actor())
    assert (len(found), more) == (MOST, 1)
    client = sign_in(Client(), administrator)
    with django_assert_max_num_queries(60):
        assert "There is more of some kinds." in client.get("/home/").content.decode()


def test_where_each_role_begins(
    supervisor: User, editor: User, approver: User, auditor: User, administrator: User
) -> None:
    for person, page in (
        (supervisor, "/board/"),
        (editor, "/home/"),
        (approver, "/home/"),
        (auditor, "/history/"),
        (administrator, "/home/"),
    ):
        assert sign_in(Client(), person).get("/", follow=True).request["PATH_INFO"] == page


def test_incidents_come_to_whoever_can_do_something(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
    chat_server: ChatServer,
    supervisor: User,
    approver: User,
    editor: User,
    administrator: User,
    settings: Any,
) -> None:
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    make_notice("It is down.", key="down")
    make_interaction("c1", queue="sales")
    playbook = make_playbook(
        "down",
        {"queue": "sales"},
        {"name": "Known", "notice": "down", "update_minutes": 5},
        is_for_emergency=True,
    )
    incident = incident_start(supervisor.to_actor(), playbook, why="It is down.", is_emergency=True)
    assert kinds(approver) == [("Emergency to confirm", "Playbook down")]
    incident_confirm(REVIEWER, incident)
    assert kinds(supervisor) == [("Incident", "Playbook down")]
    # Administrators see that it runs. What was typed is not for them.
    assert "It is down." in [each.detail for each in matters(supervisor.to_actor())[0]]
    assert [each.detail for each in matters(administrator.to_actor())[0]] == [""]
    incident.stages.update(due_at=timezone.now() - timedelta(minutes=1))
    assert kinds(supervisor) == [("Update overdue", "Playbook down")]
    assert kinds(editor) == []
    incident_close(supervisor.to_actor(), incident, word="It works again.")
    assert kinds(supervisor) == []
