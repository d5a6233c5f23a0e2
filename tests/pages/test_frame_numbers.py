"""The menu's numbers are those that the pages' own reads have, whoever looks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services import api_client_create
from console.actors import Permission, system_actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.selectors import preset_review_queue, review_queue
from console.incidents.selectors import SEERS, incidents_running, playbook_review_queue
from console.interactions.models import ChatServer
from console.notifications.audience import decidable
from console.notifications.kinds import kinds_of
from console.notifications.models import Matter
from console.sends.models import Send, SendStatus
from console.sends.selectors import sends_awaiting_approval, sends_running
from tests.incidents.incident_world import make_payments, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(
    make_user: Callable[..., User], team: Team, supervisor: User, auditor: User
) -> list[User]:
    return [
        supervisor,
        auditor,
        make_user("all", *Role.values),
        make_user("boss", Role.APPROVER, Role.SUPERVISOR, teams=[team]),
        make_user("chief", Role.APPROVER),
        make_user("root", Role.ADMINISTRATOR, Role.APPROVER),
        make_user("nobody"),
    ]


@pytest.fixture
def work(
    people: list[User],
    team: Team,
    make_notice: Callable[..., Any],
    make_send: Callable[..., Send],
    make_interaction: Callable[..., Any],
    chat_server: ChatServer,
) -> None:
    """Something of every kind: of several people, teams, and a person's API client."""
    payments = make_payments(make_notice)
    for name in ("s1", "s2"):
        make_interaction(name, queue="sales")
    start(people[0], payments)
    client, _token = api_client_create(
        system_actor("tests"), name="own", scopes=["catalogue"], owner=people[2]
    )
    authors = [client.to_actor(), people[2].to_actor(), people[5].to_actor()]
    for number, author in enumerate(authors):
        of_team: dict[str, Any] = {"team": team} if number == 1 else {}
        notice = notice_create(
            author, key=f"new-{number}", kind="message", title=f"New {number}", **of_team
        )
        content = VersionContent(default_locale="en", bodies={"en": "Soon."})
        version_submit(author, version_create(author, notice, content))
    for status in (SendStatus.AWAITING_APPROVAL, SendStatus.RUNNING, SendStatus.PAUSED):
        send = make_send(1)
        Send.objects.filter(pk=send.pk).update(
            status=status, pause_reason="failures" if status == SendStatus.PAUSED else ""
        )


def expected(person: User) -> Iterator[tuple[str, int]]:
    actor = person.to_actor()
    if actor.may(Permission.REVIEW_CATALOGUE):
        yield "review", review_queue(actor).count()
        yield "presets", preset_review_queue(actor).count()
        yield "playbooks", playbook_review_queue(actor).count()
    if actor.may(Permission.APPROVE_SENDS):
        yield "approvals", sends_awaiting_approval(actor).count()
    if actor.may(Permission.SEND):
        yield "sends", sends_running(actor).count()
    if any(actor.may(permission) for permission in SEERS):
        yield "incidents", incidents_running(actor).count()


@pytest.mark.usefixtures("work")
def test_they_are_those_of_the_pages(people: list[User], browse: Callable[[User], Client]) -> None:
    seen = set()
    for person in people:
        context = browse(person).get("/help/").context
        actor = person.to_actor()
        found = {name: context["waiting"].get(name) for name, _number in expected(person)}
        assert found == dict(expected(person)), person
        kinds = kinds_of(actor)
        waits = {kind.name: len(decidable(actor, kind, None)) for kind in kinds}
        assert {name: context["waiting"][f"waiting {name}"] for name in waits} == waits, person
        assert context["waiting_total"] == sum(waits.values())
        newest = Matter.objects.filter(kind__in=waits).order_by("pk").last()
        assert context["waiting_newest"] == (newest.pk if newest else 0)
        seen |= {name for name, number in {**found, **waits}.items() if number}
    assert {"review", "approvals", "sends", "incidents", "send.paused_itself"} <= seen
