"""Playbooks and incidents that wait for a person are among what people hear of."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import Team, User
from console.audit.models import AuditEntry
from console.incidents.models import Playbook, Stage
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import incident_close, incident_confirm, stage_start
from console.incidents.services.playbooks import version_submit, version_write
from console.interactions.models import ChatServer
from console.notifications.kinds import KINDS, opening_kinds
from tests.incidents.incident_world import make_payments, start
from tests.support.factories import AUTHOR, REVIEWER

pytestmark = pytest.mark.django_db


def waiting(kind: str, person: User) -> set[str]:
    return KINDS[kind].decidable(person.to_actor(), None)


def opened() -> set[str]:
    """The kinds that the ledger's entries have begun."""
    return {kind.name for entry in AuditEntry.objects.all() for kind in opening_kinds(entry)}


@pytest.fixture
def payments(make_notice: Callable[..., Any], chat_server: ChatServer) -> Playbook:
    return make_payments(make_notice, is_for_emergency=True)


def test_a_playbook_waits_for_approvers_of_its_team(
    payments: Playbook, team: Team, approver: User, make_user: Callable[..., User]
) -> None:
    from console.incidents.playbook_content import PlaybookContent

    assert waiting("playbook.submitted", approver) == set()
    content = PlaybookContent.of(payments.versions.get())
    version_submit(AUTHOR, version_write(AUTHOR, payments, content))
    assert waiting("playbook.submitted", approver) == {"payments"}
    Playbook.objects.update(team=team)
    assert waiting("playbook.submitted", approver) == set()
    assert waiting("playbook.submitted", make_user("ada", "approver", teams=[team])) == {"payments"}


def test_an_emergency_waits_until_it_is_confirmed(
    payments: Playbook, supervisor: User, approver: User, settings: Any
) -> None:
    settings.EMERGENCY_CONFIRM_MINUTES = 5
    incident = start(supervisor, payments, is_emergency=True)
    assert "incident.awaiting_confirmation" in opened()
    assert waiting("incident.awaiting_confirmation", approver) == {str(incident.pk)}
    incident_confirm(REVIEWER, incident)
    assert waiting("incident.awaiting_confirmation", approver) == set()


def test_without_the_emergency_path_nobody_is_asked(payments: Playbook, supervisor: User) -> None:
    start(supervisor, payments)
    assert "incident.awaiting_confirmation" not in opened()


def test_an_overdue_update_waits_until_the_next_stage_or_the_end(
    payments: Playbook, supervisor: User, outsider: User, team: Team
) -> None:
    incident = start(supervisor, payments)
    Stage.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    assert incidents_follow()
    assert "incident.overdue" in opened()
    assert waiting("incident.overdue", supervisor) == {str(incident.pk)}
    Playbook.objects.update(team=team)
    assert waiting("incident.overdue", outsider) == set()
    # Solved reaches nobody, and does not stand: so the next stage is Update.
    stage_start(supervisor.to_actor(), incident, 2)
    assert waiting("incident.overdue", supervisor) == set()
    incident_close(supervisor.to_actor(), incident, word="Done.")
    assert waiting("incident.overdue", supervisor) == set()
