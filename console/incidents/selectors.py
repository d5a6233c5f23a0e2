"""Reads of playbooks and incidents, filtered by what the actor may see."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When

from console.accounts.own_work import own_refs, own_work
from console.actors import Actor, Permission
from console.catalogue.states import VersionStatus
from console.errors import NotFound
from console.incidents.models import (
    Incident,
    IncidentStatus,
    Playbook,
    PlaybookVersion,
    Stage,
    StageTarget,
)
from console.interactions.models import Interaction
from console.interactions.selectors import in_own_teams
from console.sends.evidence_models import Verdict
from console.sends.models import OPEN_STATUSES, DeliveryStatus
from console.sends.selectors import readable

# Who reads what an incident says, and who sees that it runs.
READERS = (Permission.VIEW_INTERACTIONS, Permission.VIEW_HISTORY, Permission.APPROVE_SENDS)
SEERS = (*READERS, Permission.ADMINISTER)


def _of_own_teams(actor: Actor, path: str = "team") -> Q:
    """Return the condition for playbooks of everybody and of the actor's teams."""
    if actor.sees_all_teams:
        return Q()
    return Q(**{f"{path}__isnull": True}) | Q(**{f"{path}__in": actor.team_ids})


def playbooks_visible(actor: Actor) -> QuerySet[Playbook]:
    """Return the playbooks that the actor may see, those in use first, with their versions."""
    actor.require(Permission.VIEW_CATALOGUE)
    found = Playbook.objects.filter(_of_own_teams(actor)).select_related("team")
    in_use = Case(When(retired_at=None, then=0), default=1)
    return found.prefetch_related("versions").order_by(in_use, "title", "key")


def playbook_get(actor: Actor, key: str) -> Playbook:
    """Return a playbook that the actor may see. Raises NotFound."""
    found = playbooks_visible(actor).filter(key=key).first()
    if found is None:
        raise NotFound("playbook_not_found", "There is no playbook {playbook}.", playbook=key)
    return found


def startable_playbooks(actor: Actor) -> QuerySet[Playbook]:
    """Return the playbooks that the actor may start, or whose incident runs."""
    actor.require(Permission.SEND)
    published = PlaybookVersion.objects.filter(
        playbook=OuterRef("pk"), status=VersionStatus.PUBLISHED
    )
    return playbooks_visible(actor).filter(Exists(published), retired_at=None)


def playbook_versions(actor: Actor, playbook: Playbook) -> QuerySet[PlaybookVersion]:
    """Return the versions of a playbook, the newest first."""
    actor.require(Permission.VIEW_CATALOGUE)
    return PlaybookVersion.objects.select_related("playbook__team").filter(playbook=playbook)


def playbook_version_get(actor: Actor, key: str, number: int) -> PlaybookVersion:
    """Return a version of a playbook that the actor may see. Raises NotFound."""
    playbook = playbook_get(actor, key)
    version = playbook_versions(actor, playbook).filter(number=number).first()
    if version is None:
        raise NotFound(
            "version_not_found",
            "The playbook {playbook} has no version {number}.",
            playbook=key,
            number=number,
        )
    return version


def playbook_review_queue(actor: Actor) -> QuerySet[PlaybookVersion]:
    """Return the versions that the actor may decide on, which excludes their own."""
    actor.require(Permission.REVIEW_CATALOGUE)
    found = PlaybookVersion.objects.filter(status=VersionStatus.IN_REVIEW)
    found = found.exclude(author_ref__in=own_refs(actor))
    return found.filter(_of_own_teams(actor, "playbook__team")).order_by("submitted_at")


def incidents_visible(actor: Actor) -> QuerySet[Incident]:
    """Return the incidents that the actor may see, running ones first, then the newest."""
    actor.require(*SEERS)
    teams = _of_own_teams(actor, "playbook__team")
    # An empty condition, joined by "or", would vanish.
    seen = teams | own_work(actor, "actor_ref") if teams else teams
    runs = Case(When(status=IncidentStatus.RUNNING, then=0), default=1)
    found = Incident.objects.select_related("version", "playbook__team")
    return found.filter(seen).order_by(runs, "-pk")


def incidents_running(actor: Actor) -> QuerySet[Incident]:
    """Return the running incidents that the actor may see."""
    return incidents_visible(actor).filter(status=IncidentStatus.RUNNING)


def has_a_hand_in(actor: Actor, incident: Incident) -> bool:
    """Return whether the incident, or a stage of it, was started by the acting person or a client
    of theirs."""
    own = own_refs(actor)
    return incident.actor_ref in own or incident.stages.filter(actor_ref__in=own).exists()


def confirmable(actor: Actor) -> QuerySet[Incident]:
    """Return the emergencies that the actor may confirm: those that others alone have started."""
    actor.require(Permission.APPROVE_SENDS)
    own = own_refs(actor)
    mine = Stage.objects.filter(incident=OuterRef("pk"), actor_ref__in=own)
    waiting = incidents_running(actor).filter(confirm_until__isnull=False, confirmed_at=None)
    return waiting.exclude(actor_ref__in=own).filter(~Exists(mine))


def incident_get(actor: Actor, incident_id: int) -> Incident:
    """Return an incident that the actor may see. Raises NotFound."""
    found = incidents_visible(actor).filter(pk=incident_id).first()
    if found is None:
        raise NotFound(
            "incident_not_found", "There is no incident {incident}.", incident=incident_id
        )
    return found


def running_of(playbook: Playbook) -> Incident | None:
    """Return the incident of a playbook that runs, if one does."""
    return playbook.incidents.filter(status=IncidentStatus.RUNNING).first()


def running_among(playbooks: Collection[Playbook]) -> dict[int, Incident]:
    """Return the incidents of these playbooks that run, by the playbooks' ids."""
    found = Incident.objects.filter(playbook__in=playbooks, status=IncidentStatus.RUNNING)
    return {incident.playbook_id: incident for incident in found}


def stages_under_way(incidents: Collection[Incident]) -> dict[int, Stage]:
    """Return the newest stage of each of these incidents, by the incidents' ids."""
    found = Stage.objects.filter(incident__in=incidents, ended_at=None)
    return {stage.incident_id: stage for stage in found}


def may_read(actor: Actor) -> bool:
    """Return whether the actor may read what people typed into incidents. Administrators see that
    an incident runs, with its numbers."""
    return any(actor.may(permission) for permission in READERS)


# --- Figures -------------------------------------------------------------------------------------

REACHED = "reached"
MAY_HAVE_REACHED = "may_have_reached"
WAITING = "waiting"
SKIPPED = "skipped"
FAILED = "failed"
CANCELLED = "cancelled"
OUTCOMES = (REACHED, MAY_HAVE_REACHED, WAITING, SKIPPED, FAILED, CANCELLED)


@dataclass(slots=True)
class Figures:
    """How many chats a stage has had, by what became of it. `reasons` are of the skipped ones."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def of(self, outcome: str) -> int:
        return self.counts[outcome]

    @property
    def by_outcome(self) -> dict[str, int]:
        return {outcome: self.counts[outcome] for outcome in OUTCOMES}


def _is(prefix: str) -> dict[str, Q]:
    """Return the condition of each outcome for deliveries at `prefix`. The evidence that stands
    decides about unknown ones; evidence that differs decides nothing."""
    status, known = f"{prefix}status", f"{prefix}resolution__"
    unknown = Q(**{status: DeliveryStatus.UNKNOWN})
    settled = Q(**{f"{known}is_contested": False})
    was = unknown & settled & Q(**{f"{known}verdict": Verdict.DELIVERED})
    was_not = unknown & settled & Q(**{f"{known}verdict": Verdict.NOT_DELIVERED})
    return {
        REACHED: Q(**{status: DeliveryStatus.DELIVERED}) | was,
        FAILED: Q(**{status: DeliveryStatus.FAILED}) | was_not,
        MAY_HAVE_REACHED: unknown,
        WAITING: Q(**{f"{status}__in": OPEN_STATUSES}),
        SKIPPED: Q(**{status: DeliveryStatus.SKIPPED}),
        CANCELLED: Q(**{status: DeliveryStatus.CANCELLED}),
    }


# The first that holds counts.
OUTCOME = Case(*(When(which, then=Value(name)) for name, which in _is("delivery__").items()))


def stage_figures(stages: Collection[Stage]) -> dict[int, Figures]:
    """Return the figures of each of these stages, by its id."""
    found = {stage.pk: Figures() for stage in stages}
    rows = (
        StageTarget.objects.filter(stage__in=list(found))
        .order_by()
        .annotate(outcome=OUTCOME)
        .values("stage", "outcome", "delivery__reason")
        .annotate(number=Count("pk"))
    )
    for row in rows:
        figures = found[row["stage"]]
        figures.counts[row["outcome"]] += row["number"]
        if row["outcome"] == SKIPPED:
            figures.reasons[row["delivery__reason"]] += row["number"]
    return found


def stage_targets(
    actor: Actor, incident: Incident, *, position: int | None = None, outcome: str = ""
) -> QuerySet[StageTarget]:
    """Return the chats that the incident's stages have had, as far as the actor may know of them:
    those of sends that they may read (`is_readable`), and those of their teams. Each has its
    `outcome`."""
    actor.require(*SEERS)
    texts = readable(actor, "delivery__send__")
    always = Value(True)
    found = StageTarget.objects.filter(stage__incident=incident).annotate(outcome=OUTCOME)
    found = found.annotate(
        is_readable=Case(When(texts, then=always), default=False) if texts else always
    )
    found = found.filter(texts | _of_own_chats(actor)) if texts else found
    if position is not None:
        found = found.filter(stage__position=position)
    if outcome:
        found = found.filter(outcome=outcome)
    return found.select_related("stage", "delivery__send").order_by("stage__position", "pk")


def _of_own_chats(actor: Actor) -> Q:
    """Return the condition for targets whose chats the actor may see."""
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return Q(pk__in=[])
    own = Interaction.objects.filter(in_own_teams(actor), pk=OuterRef("interaction_id"))
    return Q(Exists(own))
