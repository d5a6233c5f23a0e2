"""What each action of the ledger is for a SIEM: an event class of OCSF, an activity, a severity.

The numbers are those of OCSF 1.8.0 (github.com/ocsf/ocsf-schema). API Activity (6003) is not used:
it requires the address of each caller, which the ledger does not have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from types import MappingProxyType

from console.audit.actions import Action


@dataclass(frozen=True, slots=True)
class EventClass:
    """An event class of the category Identity & Access Management, and its activities by number."""

    uid: int
    name: str
    activities: Mapping[int, str]


CATEGORY_UID, CATEGORY_NAME = 3, "Identity & Access Management"
OTHER = 99

ACCOUNT = EventClass(
    3001,
    "Account Change",
    {
        1: "Create",
        2: "Enable",
        3: "Password Change",
        4: "Password Reset",
        5: "Disable",
        9: "Lock",
        10: "MFA Factor Enable",
        11: "MFA Factor Disable",
        12: "Unlock",
        OTHER: "Other",
    },
)
AUTHENTICATION = EventClass(3002, "Authentication", {1: "Logon", 2: "Logoff", OTHER: "Other"})
ENTITY = EventClass(
    3004,
    "Entity Management",
    {
        1: "Create",
        2: "Read",
        3: "Update",
        4: "Delete",
        5: "Move",
        8: "Enable",
        9: "Disable",
        10: "Activate",
        11: "Deactivate",
        12: "Suspend",
        13: "Resume",
        OTHER: "Other",
    },
)


class Severity(IntEnum):
    """A severity by its number in OCSF."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


class Outcome(IntEnum):
    """A status by its number in OCSF."""

    UNKNOWN = 0
    SUCCESS = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an action is for a SIEM."""

    event_class: EventClass
    activity: int
    severity: Severity = Severity.INFORMATIONAL
    outcome: Outcome = Outcome.SUCCESS

    @property
    def activity_name(self) -> str:
        return self.event_class.activities[self.activity]


_BY_ACTIVITY: tuple[tuple[EventClass, int, Iterable[Action]], ...] = (
    (AUTHENTICATION, 1, (Action.USER_SIGNED_IN, Action.USER_SIGN_IN_FAILED)),
    (AUTHENTICATION, 1, (Action.USER_SECOND_FACTOR_FAILED, Action.USER_DIRECTORY_REFUSED)),
    (AUTHENTICATION, 1, (Action.API_CLIENT_REFUSED,)),
    (AUTHENTICATION, 2, (Action.USER_SIGNED_OUT, Action.USER_SESSIONS_ENDED)),
    (AUTHENTICATION, OTHER, (Action.USER_DIRECTORY_CONFIRMED,)),
    (ACCOUNT, 1, (Action.USER_CREATED, Action.API_CLIENT_CREATED)),
    (ACCOUNT, 2, (Action.USER_REACTIVATED, Action.API_CLIENT_REACTIVATED)),
    (ACCOUNT, 2, (Action.API_CLIENT_CONFIRMED,)),
    (ACCOUNT, 3, (Action.USER_PASSWORD_CHANGED,)),
    (ACCOUNT, 4, (Action.USER_PASSWORD_SET, Action.API_CLIENT_TOKEN_ROTATED)),
    (ACCOUNT, 5, (Action.USER_DEACTIVATED, Action.API_CLIENT_DEACTIVATED)),
    (ACCOUNT, 9, (Action.USER_LOCKED,)),
    (ACCOUNT, 10, (Action.USER_SECOND_FACTOR_ADDED, Action.USER_SECURITY_KEY_NOTED)),
    (ACCOUNT, 11, (Action.USER_SECOND_FACTOR_REMOVED, Action.USER_SECOND_FACTOR_RESET)),
    (ACCOUNT, 12, (Action.USER_RELEASED,)),
    (ACCOUNT, OTHER, (Action.USER_CHANGED, Action.USER_DIRECTORY_LINKED)),
    (ACCOUNT, OTHER, (Action.USER_DIRECTORY_UNLINKED, Action.USER_ROLES_FOLLOWED)),
    (ACCOUNT, OTHER, (Action.USER_TEAMS_FOLLOWED, Action.USER_NOTIFICATIONS_CHANGED)),
    (ACCOUNT, OTHER, (Action.USER_STAND_IN_NAMED, Action.USER_STAND_IN_ENDED)),
    (ACCOUNT, OTHER, (Action.API_CLIENT_CHANGED, Action.API_CLIENT_DECLINED)),
    (ACCOUNT, OTHER, (Action.MAIL_TESTED,)),
    (ENTITY, 1, (Action.SEND_CREATED, Action.NOTICE_CREATED, Action.NOTICE_IMPORTED)),
    (ENTITY, 1, (Action.VERSION_CREATED, Action.CATEGORY_CREATED, Action.PRESET_CREATED)),
    (ENTITY, 1, (Action.PLAYBOOK_CREATED, Action.TEAM_CREATED, Action.CHAT_SERVER_CREATED)),
    (ENTITY, 1, (Action.VIEW_CREATED, Action.SEARCH_SAVED, Action.WEBHOOK_CREATED)),
    (ENTITY, 1, (Action.EXPORT_FINISHED, Action.EXPORT_FAILED, Action.DATABASE_BACKED_UP)),
    (ENTITY, 2, (Action.SEND_PROOF_MADE, Action.DELIVERY_PROOF_MADE, Action.HISTORY_EXPORTED)),
    (ENTITY, 2, (Action.EXPORT_DOWNLOADED, Action.CATALOGUE_EXPORTED, Action.INCIDENT_EXPORTED)),
    (ENTITY, 2, (Action.TEXTS_READ, Action.AUDIT_EXPORTED, Action.INTERACTIONS_POLLED)),
    (ENTITY, 2, (Action.AUDIT_STREAM_REPLAYED, Action.AUDIT_STREAM_TESTED)),
    (ENTITY, 3, (Action.SEND_RESCHEDULED, Action.SEND_APPROVED, Action.SEND_REJECTED)),
    (ENTITY, 3, (Action.DELIVERIES_DELIVERED, Action.DELIVERIES_FAILED)),
    (ENTITY, 3, (Action.DELIVERIES_UNKNOWN, Action.DELIVERIES_SKIPPED)),
    (ENTITY, 3, (Action.DELIVERIES_CANCELLED, Action.DELIVERIES_LATE_ANSWER)),
    (ENTITY, 3, (Action.DELIVERIES_RESOLVED, Action.NOTICE_CHANGED, Action.VERSION_CHANGED)),
    (ENTITY, 3, (Action.INTERACTION_TEST_NAMED, Action.INTERACTION_TEST_ENDED)),
    (ENTITY, 3, (Action.VERSION_SUBMITTED, Action.VERSION_APPROVED, Action.VERSION_REJECTED)),
    (ENTITY, 3, (Action.CATEGORY_CHANGED, Action.PRESET_CHANGED, Action.PRESET_APPROVED)),
    (ENTITY, 3, (Action.PRESET_REJECTED, Action.CATALOGUE_IMPORTED, Action.CATALOGUE_RESTORED)),
    (ENTITY, 3, (Action.PLAYBOOK_CHANGED, Action.PLAYBOOK_SUBMITTED, Action.PLAYBOOK_APPROVED)),
    (ENTITY, 3, (Action.PLAYBOOK_REJECTED, Action.INCIDENT_CONFIRMED, Action.INCIDENT_OVERDUE)),
    (ENTITY, 3, (Action.TEAM_CHANGED, Action.SECOND_FACTORS_ROTATED, Action.CHAT_SERVER_CHANGED)),
    (ENTITY, 3, (Action.VIEW_CHANGED, Action.WEBHOOK_CHANGED, Action.WEBHOOK_SECRET_ROTATED)),
    (ENTITY, 3, (Action.WEBHOOK_SECRETS_REENCRYPTED, Action.APPROVALS_RULES_SET)),
    (ENTITY, 3, (Action.AUDIT_KEY_CHANGED, Action.AUDIT_ROWS_CARRIED, Action.AUDIT_ROWS_BEGUN)),
    (ENTITY, 4, (Action.TEXTS_ERASED, Action.INTERACTION_ERASED, Action.EXPORT_DELETED)),
    (ENTITY, 4, (Action.CATEGORY_DELETED, Action.TEAM_DELETED, Action.CHAT_SERVER_REMOVED)),
    (ENTITY, 4, (Action.VIEW_DELETED, Action.SEARCH_DELETED, Action.WEBHOOK_DELETED)),
    (ENTITY, 5, (Action.CHAT_SERVER_RENAMED, Action.SEARCH_RENAMED, Action.AUDIT_ARCHIVED)),
    (ENTITY, 8, (Action.SENDING_RESTARTED, Action.NOTICE_RESTORED, Action.VERSION_PUBLISHED)),
    (ENTITY, 9, (Action.SENDING_STOPPED, Action.NOTICE_RETIRED, Action.PLAYBOOK_RETIRED)),
    (ENTITY, 9, (Action.AUDIT_KEY_REVOKED,)),
    (ENTITY, 10, (Action.SEND_STARTED, Action.INCIDENT_STARTED, Action.INCIDENT_STAGE_STARTED)),
    (ENTITY, 11, (Action.SEND_FINISHED, Action.SEND_CANCELLED, Action.EXPORT_CANCELLED)),
    (ENTITY, 11, (Action.INCIDENT_CLOSED, Action.TEXTS_ERASING_STOPPED)),
    (ENTITY, 11, (Action.AUDIT_STATE_STOPPED,)),
    (ENTITY, 12, (Action.SEND_PAUSED, Action.INCIDENT_STAGE_PAUSED, Action.CHAT_SERVER_HELD)),
    (ENTITY, 12, (Action.INCIDENT_UNCONFIRMED,)),
    (ENTITY, 13, (Action.SEND_RESUMED, Action.INCIDENT_STAGE_RESUMED)),
    (ENTITY, 13, (Action.CHAT_SERVER_RELEASED,)),
    (ENTITY, OTHER, (Action.DATABASE_RESTORED, Action.WEBHOOK_TESTED)),
    (ENTITY, OTHER, (Action.WEBHOOK_REDELIVERED,)),
)
_SEVERITIES: Mapping[Severity, Iterable[Action]] = {
    Severity.LOW: (
        *(Action.USER_CREATED, Action.USER_CHANGED, Action.USER_DEACTIVATED),
        *(Action.USER_REACTIVATED, Action.USER_RELEASED, Action.USER_ROLES_FOLLOWED),
        *(Action.USER_SECOND_FACTOR_ADDED, Action.USER_SECOND_FACTOR_REMOVED),
        *(Action.API_CLIENT_CREATED, Action.API_CLIENT_CHANGED, Action.API_CLIENT_CONFIRMED),
        *(Action.API_CLIENT_REACTIVATED, Action.API_CLIENT_TOKEN_ROTATED),
        *(Action.WEBHOOK_CREATED, Action.WEBHOOK_CHANGED, Action.CHAT_SERVER_CHANGED),
        *(Action.HISTORY_EXPORTED, Action.EXPORT_DOWNLOADED, Action.AUDIT_EXPORTED),
        *(Action.INTERACTION_ERASED, Action.SEND_PAUSED, Action.SEND_CANCELLED),
        *(Action.DELIVERIES_FAILED, Action.EXPORT_FAILED, Action.INCIDENT_STARTED),
        *(Action.SENDING_RESTARTED, Action.CHAT_SERVER_HELD, Action.INCIDENT_OVERDUE),
    ),
    Severity.MEDIUM: (
        *(Action.USER_SIGN_IN_FAILED, Action.USER_SECOND_FACTOR_FAILED),
        *(Action.USER_DIRECTORY_REFUSED, Action.API_CLIENT_REFUSED, Action.USER_PASSWORD_SET),
        *(Action.USER_SECOND_FACTOR_RESET, Action.DELIVERIES_UNKNOWN),
        *(Action.INCIDENT_UNCONFIRMED, Action.TEXTS_ERASING_STOPPED, Action.AUDIT_STATE_STOPPED),
        *(Action.AUDIT_ARCHIVED, Action.AUDIT_KEY_CHANGED, Action.AUDIT_ROWS_BEGUN),
        *(Action.APPROVALS_RULES_SET, Action.AUDIT_STREAM_REPLAYED, Action.DATABASE_BACKED_UP),
    ),
    Severity.HIGH: (
        *(Action.USER_LOCKED, Action.SENDING_STOPPED, Action.AUDIT_KEY_REVOKED),
        *(Action.DATABASE_RESTORED,),
    ),
}
_OUTCOMES: Mapping[Outcome, Iterable[Action]] = {
    Outcome.FAILURE: (
        *(Action.USER_SIGN_IN_FAILED, Action.USER_SECOND_FACTOR_FAILED),
        *(Action.USER_DIRECTORY_REFUSED, Action.API_CLIENT_REFUSED),
        *(Action.DELIVERIES_FAILED, Action.EXPORT_FAILED),
    ),
    Outcome.UNKNOWN: (Action.DELIVERIES_UNKNOWN,),
}


def _meanings() -> Mapping[str, Meaning]:
    found = {
        action: Meaning(event_class, activity)
        for event_class, activity, actions in _BY_ACTIVITY
        for action in actions
    }
    for severity, actions in _SEVERITIES.items():
        found |= {action: replace(found[action], severity=severity) for action in actions}
    for outcome, actions in _OUTCOMES.items():
        found |= {action: replace(found[action], outcome=outcome) for action in actions}
    return MappingProxyType({str(action): meaning for action, meaning in found.items()})


MEANINGS = _meanings()
# Of actions that another version of the console wrote.
UNKNOWN_ACTION = Meaning(ENTITY, OTHER)
