"""What the ledger tells of playbooks and incidents (console.audit.state.kinds)."""

from console.audit.actions import Action
from console.audit.state.kinds import Kind, declare, pass_over
from console.incidents.models import Incident, Playbook, PlaybookVersion, Stage

CREATED = "the entry of the creation has its own time"
FOLLOWS = "follows by the clock what its sends do, without a decision"

PLAYBOOK = declare(
    Kind(
        name="playbook",
        label="playbook",
        model=Playbook,
        made_by=frozenset({Action.PLAYBOOK_CREATED}),
        fields=("key", "title", "team_id", "retired_at"),
        passed_over={"created_at": CREATED},
        older=lambda playbook: [("playbook", playbook.key, {})],
    )
)
PLAYBOOK_VERSION = declare(
    Kind(
        name="playbook_version",
        label="version of a playbook",
        model=PlaybookVersion,
        made_by=frozenset({Action.PLAYBOOK_CREATED}),
        fields=(
            *("playbook_id", "number", "status", "audience", "stages", "is_for_emergency"),
            *("change_note", "author_ref", "author_name", "submitted_at", "reviewer_ref"),
            *("reviewer_name", "reviewed_at", "reject_reason"),
        ),
        passed_over={"created_at": CREATED},
        older=lambda version: [
            ("playbook", version.playbook.key, {"data__contains": {"version": version.number}})
        ],
    )
)
INCIDENT = declare(
    Kind(
        name="incident",
        label="incident",
        model=Incident,
        made_by=frozenset({Action.INCIDENT_STARTED}),
        fields=(
            *("version_id", "playbook_id", "title", "why", "audience", "status", "actor_ref"),
            *("actor_name", "started_at", "confirm_until", "confirmed_by_ref"),
            *("confirmed_by_name", "confirmed_at", "paused_at", "closed_at", "closed_by_name"),
            "closing_word",
        ),
        passed_over={"answers": "erased with the texts; each send's entry has a digest of its own"},
        older=lambda incident: [("incident", str(incident.pk), {})],
    )
)
STAGE = declare(
    Kind(
        name="stage",
        label="stage of an incident",
        model=Stage,
        made_by=frozenset({Action.INCIDENT_STARTED}),
        fields=(
            *("incident_id", "position", "content", "actor_ref", "actor_name", "started_at"),
            *("ended_at", "is_standing", "is_paused"),
        ),
        passed_over={
            "is_settled": FOLLOWS,
            "due_at": FOLLOWS,
            "overdue_at": FOLLOWS,
            "trouble": FOLLOWS,
        },
        older=lambda stage: [
            ("incident", str(stage.incident_id), {"data__contains": {"stage": stage.pk}})
        ],
    )
)

pass_over({"incidents.StageTarget": "derived: who matched a stage, each with its delivery"})
