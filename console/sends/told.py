"""What the ledger tells of sends and deliveries, and of the switch that stops them
(console.audit.state.kinds). Sends and deliveries are compared by console.sends.proof.state."""

from console.audit.actions import Action
from console.audit.state.kinds import Kind, declare, elsewhere, pass_over
from console.sends.models import (
    Delivery,
    Evidence,
    LateAnswer,
    Resolution,
    Send,
    SendingStop,
    SendOutcome,
)

CREATED = "the entry has its own time"
NUMBER = "a number that only the tables have"
DERIVED = "derived: made of what deliveries and their entries say"
PERSONAL = "personal, and erased with the text; no entry has it"
WORKERS = "what a worker notes on the way"
OWN_LIST = "how a list looks to one person, which decides nothing"

SENDING_STOP = declare(
    Kind(
        name="sending_stop",
        label="stop of all sending",
        model=SendingStop,
        made_by=frozenset({Action.SENDING_STOPPED}),
        fields=("reason", "actor_ref", "actor_name", "stopped_at"),
        passed_over={},
        older=lambda _stop: [("sending", "all", {})],
    )
)
elsewhere(
    Send,
    fields=(
        *("actor_ref", "actor_name", "version_id", "visibility", "nickname", "nickname_from"),
        *("notice_class", "why", "status", "release_at", "target_count"),
        *("ready_count", "approved_by_ref", "approved_by_name", "ended_by_name", "end_note"),
        *("retry_of_id", "incident_id", "stage_id", "is_test", "canary_size", "canary_minutes"),
        *("fields", "is_emergency"),
    ),
    passed_over={
        "target": "the entry has a digest of the chats that it came to",
        "created_at": CREATED,
        "finished_at": CREATED,
        "approved_at": CREATED,
        "scheduled_at": "the time when it leaves is compared",
        "texts_erased_at": "the erasure of each delivery is compared",
        "time_zone": "in which zone the time was typed",
        "idempotency_key": "tells a program's second request from the first",
        "request_digest": "tells a program's second request from the first",
        "canary_ended_at": WORKERS,
        "resumes_at": WORKERS,
        "pause_reason": WORKERS,
        "ignores_failures": WORKERS,
        "is_unconfirmed": "follows the incident's confirmation, which is compared",
        "is_searchable": DERIVED,
        "is_at_rest": DERIVED,
    },
)
elsewhere(
    Delivery,
    fields=(
        *("send_id", "interaction_id", "body", "body_salt", "method", "chat_server_name"),
        *("status", "reason", "attempts", "reference_id", "fault_code", "erased_at"),
        "erased_on_request",
    ),
    passed_over={
        "customer_name": PERSONAL,
        "locale": "which of the version's texts it is; the text itself is compared",
        "chat_locale": "what the feed said of the chat",
        "detail": PERSONAL,
        "fault_text": PERSONAL,
        "answer": PERSONAL,
        "claim": WORKERS,
        "created_at": CREATED,
        "attempted_at": CREATED,
        "finished_at": CREATED,
        "retry_of_id": "the entry names the send that it retries",
    },
)
elsewhere(
    LateAnswer,
    fields=("delivery_id", "status", "reference_id", "fault_code"),
    passed_over={
        "at": CREATED,
        "seconds": WORKERS,
        "detail": PERSONAL,
        "fault_text": PERSONAL,
        "answer": PERSONAL,
        "key": WORKERS,
    },
)
elsewhere(
    Evidence,
    fields=(
        *("delivery_id", "source", "verdict", "actor_ref", "actor_name", "is_senders_own"),
        *("looked_in", "remark", "remark_salt", "line_at", "replaces_id"),
    ),
    passed_over={"at": CREATED, "late_answer_id": "the late answer of the same delivery"},
)
elsewhere(
    Resolution,
    fields=("delivery_id", "send_id", "verdict", "is_contested"),
    passed_over={"chat_server_name": DERIVED, "source": "the strongest of the evidence compared"},
)
elsewhere(SendOutcome, fields=("send_id", "status", "number"), passed_over={"id": NUMBER})

pass_over(
    {
        "sends.Claim": WORKERS,
        "sends.Contact": WORKERS,
        "sends.CustomerChat": DERIVED,
        "sends.HistoryColumns": OWN_LIST,
        "sends.HistoryFact": DERIVED,
        "sends.HistoryPart": DERIVED,
        "sends.HistorySpan": DERIVED,
        "sends.Origin": DERIVED,
        "sends.Outbox": "what is due; each delivery's own status is compared",
        "sends.OutcomeMark": WORKERS,
        "sends.OutcomeTotal": DERIVED,
        "sends.Retention": "how far a run is; what it erases has entries of its own",
        "sends.SavedSearch": OWN_LIST,
        "sends.Sweep": WORKERS,
        "sends.VersionUse": DERIVED,
        "sends.Worker": WORKERS,
    }
)
