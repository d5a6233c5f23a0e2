"""What playbooks and incidents keep from those who must not see it, and for how long they keep what
people typed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.accounts.models import Team, User
from console.audit.models import AuditEntry
from console.errors import PermissionRefused
from console.incidents.models import Incident, Playbook
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services.incidents import incident_close
from console.incidents.services.keeping import answers_expire
from console.incidents.services.playbooks import playbook_create
from console.interactions.models import ChatServer, Interaction
from console.sends.control.retention import texts_expire
from console.sends.models import Send
from tests.incidents.incident_world import KNOWN, SALES, SOLVED, make_payments, start
from tests.incidents.test_incidents import set_status
from tests.support.factories import make_notice, make_playbook

pytestmark = pytest.mark.django_db

Browse = Callable[..., Client]


def html_of(response: Any) -> str:
    return str(response.content.decode())


def test_home_does_not_tell_an_administrator_what_somebody_typed(
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
    supervisor: User,
    administrator: User,
    browse: Browse,
) -> None:
    payments = make_payments(make_notice)
    make_interaction("s1", queue="sales")
    start(supervisor, payments)
    assert "Payments fail since 10:00." in html_of(browse(supervisor).get("/home/"))
    page = html_of(browse(administrator).get("/home/"))
    assert "Playbook payments" in page
    assert "Payments fail since 10:00." not in page


def test_a_playbook_does_not_show_texts_of_another_teams_notice(
    team: Team, supervisor: User, make_user: Callable[..., User], browse: Browse
) -> None:
    others = Team.objects.create(name="Others", queues=["sales"])
    version = make_notice("known", "What only the others may read.")
    make_notice("solved", "It works again.")
    make_playbook("payments", SALES, KNOWN, SOLVED)
    version.notice.team = others
    version.notice.save(update_fields=["team"])
    theirs = make_user("otto", "supervisor", teams=[others])
    assert "What only the others may read." in html_of(browse(theirs).get("/playbooks/payments/"))
    for address in ("/playbooks/payments/", "/playbooks/"):
        page = html_of(browse(supervisor).get(address))
        assert "What only the others may read." not in page
        assert "Notice known" not in page
    page = html_of(browse(supervisor).get("/playbooks/payments/"))
    assert "You do not see the notice known" in page
    assert "It works again." in page


def test_nobody_writes_a_playbook_for_a_team_of_others(team: Team, make_user: Any) -> None:
    others = Team.objects.create(name="Others", queues=["sales"])
    make_notice("known")
    editor = make_user("edda", "editor", teams=[team]).to_actor()
    content = PlaybookContent.read({"audience": SALES, "stages": [KNOWN]})
    with pytest.raises(PermissionRefused) as refused:
        playbook_create(editor, key="theirs", title="Theirs", content=content, team=others)
    assert refused.value.code == "not_own_team"
    assert not Playbook.objects.exists()


def test_the_list_asks_no_more_for_more_playbooks(
    supervisor: User, browse: Browse, make_notice: Callable[..., Any]
) -> None:
    make_payments(make_notice)
    browser = browse(supervisor)
    asked = []
    for number in range(3):
        make_playbook(f"other-{number}", SALES, KNOWN, SOLVED)
        for address in ("/playbooks/", "/incidents/new/"):
            browser.get(address)
        with CaptureQueriesContext(connection) as made:
            for address in ("/playbooks/", "/incidents/new/"):
                browser.get(address)
        asked.append(len(made))
    assert asked[0] == asked[-1]


# --- Answers -------------------------------------------------------------------------------------


@pytest.fixture
def answered(
    chat_server: ChatServer, supervisor: User, make_interaction: Callable[..., Interaction]
) -> Incident:
    until = {"name": "until", "label": "Until when", "type": "text"}
    make_notice("known", "Down until {{ field.until }}.", fields=[until])
    make_interaction("s1", queue="sales")
    playbook = make_playbook("payments", SALES, KNOWN)
    return start(supervisor, playbook, answers={"until": "noon"})


def long_ago(settings: Any) -> None:
    settings.TEXT_RETENTION_DAYS = 30
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Send.objects.update(finished_at=timezone.now() - timedelta(days=31), status="finished")
        cursor.execute("SET session_replication_role = origin")


def test_the_trail_has_no_digest_by_which_an_answer_can_be_guessed(answered: Incident) -> None:
    (entry,) = AuditEntry.objects.filter(action="incident.started")
    assert not [name for name in entry.data if name.startswith("answers")]


def test_answers_are_erased_with_the_last_text_of_a_closed_incident(
    answered: Incident, supervisor: User, settings: Any
) -> None:
    set_status("delivered", "s1")
    long_ago(settings)
    assert texts_expire() == 1
    assert answers_expire() == 0  # it runs: the next stage needs them
    incident_close(supervisor.to_actor(), answered, word="It works again.")
    assert answers_expire() == 1
    answered.refresh_from_db()
    assert answered.answers == {}
    assert answers_expire() == 0


def test_answers_stay_while_a_text_has_them(
    answered: Incident, supervisor: User, settings: Any
) -> None:
    set_status("delivered", "s1")
    incident_close(supervisor.to_actor(), answered, word="It works again.")
    assert answers_expire() == 0
    for change in ('answers = \'{"until": "one"}\'', "closing_word = 'No.'"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE incidents_incident SET {change}")


def test_answers_of_an_incident_that_reached_nobody_are_erased_in_time(
    chat_server: ChatServer, supervisor: User, settings: Any
) -> None:
    until = {"name": "until", "label": "Until when", "type": "text"}
    make_notice("known", "Down until {{ field.until }}.", fields=[until])
    incident = start(supervisor, make_playbook("payments", SALES, KNOWN), answers={"until": "noon"})
    incident_close(supervisor.to_actor(), incident, word="It works again.")
    settings.TEXT_RETENTION_DAYS = 30
    now = timezone.now()
    assert answers_expire(now=now + timedelta(days=29)) == 0
    assert answers_expire(now=now + timedelta(days=31)) == 1
