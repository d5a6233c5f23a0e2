"""What waits for a person because of playbooks and incidents (console.notifications.kinds)."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.incidents.models import Incident, Stage
from console.incidents.selectors import confirmable, incidents_running, playbook_review_queue
from console.notifications.kinds import Kind, Refs, Subject, declare

INTEGER = {"type": "integer"}
MOMENT = {"type": "string", "format": "date-time"}


def _titles(entries: Iterable[AuditEntry]) -> dict[str, Subject]:
    return {entry.target_ref: Subject(entry.target_name) for entry in entries}


def _among(found: set[str], refs: Refs | None) -> set[str]:
    return found if refs is None else found & set(refs)


def _playbooks_decidable(actor: Actor, refs: Refs | None) -> set[str]:
    return _among(set(playbook_review_queue(actor).values_list("playbook__key", flat=True)), refs)


def _confirmable(actor: Actor, refs: Refs | None) -> set[str]:
    return _among({str(pk) for pk in confirmable(actor).values_list("pk", flat=True)}, refs)


def _overdue(actor: Actor) -> QuerySet[Incident]:
    late = Stage.objects.filter(ended_at=None, overdue_at__isnull=False)
    return incidents_running(actor).filter(stages__in=late)


def _overdue_decidable(actor: Actor, refs: Refs | None) -> set[str]:
    return _among({str(pk) for pk in _overdue(actor).values_list("pk", flat=True)}, refs)


def _incident_page(ref: str) -> str:
    return reverse("incident-detail", args=[int(ref)])


declare(
    Kind(
        name="playbook.submitted",
        label=_("A playbook awaits review"),
        words=_("asks to publish the playbook “%(title)s”"),
        permission=Permission.REVIEW_CATALOGUE,
        opened_by=frozenset({Action.PLAYBOOK_SUBMITTED}),
        ended_by=frozenset({Action.PLAYBOOK_APPROVED, Action.PLAYBOOK_REJECTED}),
        subjects=_titles,
        decidable=_playbooks_decidable,
        queue=lambda actor: playbook_review_queue(actor).values("playbook").distinct(),
        link=lambda ref: reverse("playbook-detail", args=[ref]),
        page="playbook-list",
        event=lambda entry: {"playbook": entry.target_ref, "version": entry.data["version"]},
        event_schema={"playbook": {"type": "string"}, "version": INTEGER},
    )
)
declare(
    Kind(
        name="incident.awaiting_confirmation",
        label=_("An emergency awaits a confirmation"),
        words=_("started the emergency “%(title)s”, which a second person must confirm"),
        permission=Permission.APPROVE_SENDS,
        opened_by=frozenset({Action.INCIDENT_STARTED}),
        opens=lambda entry: "confirm_until" in entry.data,
        ended_by=frozenset({Action.INCIDENT_CONFIRMED, Action.INCIDENT_CLOSED}),
        subjects=_titles,
        decidable=_confirmable,
        queue=lambda actor: confirmable(actor).values("pk"),
        link=_incident_page,
        page="incident-list",
        event=lambda entry: {
            "incident": int(entry.target_ref),
            "confirm_until": entry.data["confirm_until"],
        },
        event_schema={"incident": INTEGER, "confirm_until": MOMENT},
        is_urgent=True,
    )
)
declare(
    Kind(
        name="incident.overdue",
        label=_("The next update of an incident is overdue"),
        words=_("says that the next update of “%(title)s” is overdue"),
        permission=Permission.SEND,
        opened_by=frozenset({Action.INCIDENT_OVERDUE}),
        ended_by=frozenset({Action.INCIDENT_STAGE_STARTED, Action.INCIDENT_CLOSED}),
        subjects=_titles,
        decidable=_overdue_decidable,
        queue=lambda actor: _overdue(actor).values("pk").distinct(),
        link=_incident_page,
        page="incident-list",
        event=lambda entry: {
            "incident": int(entry.target_ref),
            **{name: entry.data[name] for name in ("stage", "position", "due_at")},
        },
        event_schema={"incident": INTEGER, "stage": INTEGER, "position": INTEGER, "due_at": MOMENT},
        renews=True,
        is_urgent=True,
    )
)
