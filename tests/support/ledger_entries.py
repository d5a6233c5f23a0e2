"""What an entry of each action may say: the kind of its target, and the names in its data."""

from dataclasses import dataclass

from console.audit.actions import Action


@dataclass(frozen=True, slots=True)
class Event:
    """An action's kind of target, and every name that its data may have."""

    target: str
    data: frozenset[str] = frozenset()


def _event(target: str, data: str = "") -> Event:
    return Event(target, frozenset(data.split()))


VERSION = _event(
    "version",
    "visibility default_locale bodies change_note reject_reason status fields snippets new_title "
    "new_shortcut",
)
DELIVERIES = _event("send", "chat_server method visibility deliveries")
PRESET = _event("preset", "change name visibility nickname roles reject_reason")
CHAT_SERVER = _event(
    "chat_server",
    "url pace_per_second burst window connect_timeout_seconds request_timeout_seconds enabled",
)
EVENTS = {
    Action.SEND_CREATED: _event(
        "send",
        "notice version version_sha256 visibility nickname nickname_from nickname_preset "
        "counts targets_sha256 why status release_at fields_sha256 leave_out "
        "allow_repeat retry_of may_show_twice",
    ),
    Action.SEND_STARTED: _event("send"),
    Action.SEND_FINISHED: _event("send", "counts"),
    Action.SEND_PAUSED: _event("send", "sender"),
    Action.SEND_RESUMED: _event("send", "sender"),
    Action.SEND_CANCELLED: _event("send", "cancelled reason sender"),
    Action.SEND_APPROVED: _event("send", "release_at sender status"),
    Action.SEND_REJECTED: _event("send", "cancelled reason sender"),
    Action.SEND_RESCHEDULED: _event("send", "approval from status time_zone to sender"),
    Action.SEND_PROOF_MADE: _event("send", "first last sha256"),
    Action.DELIVERIES_DELIVERED: DELIVERIES,
    Action.DELIVERIES_FAILED: DELIVERIES,
    Action.DELIVERIES_UNKNOWN: DELIVERIES,
    Action.DELIVERIES_SKIPPED: DELIVERIES,
    Action.DELIVERIES_CANCELLED: DELIVERIES,
    Action.SENDING_STOPPED: _event("sending", "reason"),
    Action.SENDING_RESTARTED: _event("sending", "stopped_at stopped_by"),
    Action.TEXTS_ERASED: _event("send", "count first last kept_days"),
    Action.INTERACTION_ERASED: _event("interaction", "deliveries why"),
    Action.HISTORY_EXPORTED: _event(
        "history", "q status notice version actor interaction chat_server since until"
    ),
    Action.NOTICE_CREATED: _event("notice", "kind category team tags shortcut"),
    Action.NOTICE_CHANGED: _event("notice", "kind title category team tags shortcut"),
    Action.NOTICE_RETIRED: _event("notice"),
    Action.NOTICE_RESTORED: _event("notice"),
    Action.NOTICE_IMPORTED: _event("notice", "kind category team tags shortcut versions"),
    Action.VERSION_CREATED: VERSION,
    Action.VERSION_CHANGED: VERSION,
    Action.VERSION_SUBMITTED: VERSION,
    Action.VERSION_APPROVED: VERSION,
    Action.VERSION_PUBLISHED: VERSION,
    Action.VERSION_REJECTED: VERSION,
    Action.CATEGORY_CREATED: _event("category", "team"),
    Action.CATEGORY_CHANGED: _event("category", "team before"),
    Action.CATEGORY_DELETED: _event("category", "team"),
    Action.PRESET_CREATED: PRESET,
    Action.PRESET_CHANGED: PRESET,
    Action.PRESET_APPROVED: PRESET,
    Action.PRESET_REJECTED: PRESET,
    Action.CATALOGUE_EXPORTED: _event("catalogue", "rows"),
    Action.CATALOGUE_IMPORTED: _event("catalogue", "rows"),
    Action.CATALOGUE_RESTORED: _event("catalogue", "rows"),
    Action.USER_CREATED: _event("user", "roles teams sub"),
    Action.USER_CHANGED: _event("user", "username first_name last_name email roles teams"),
    Action.USER_DEACTIVATED: _event("user"),
    Action.USER_REACTIVATED: _event("user", "roles"),
    Action.USER_RELEASED: _event("user"),
    Action.USER_LOCKED: _event("user", "address"),
    Action.USER_SIGNED_IN: _event("user", "address methods sub"),
    Action.USER_SIGNED_OUT: _event("user", "address"),
    Action.USER_SIGN_IN_FAILED: _event("user", "address"),
    Action.USER_SESSIONS_ENDED: _event("user", "sessions reason"),
    Action.USER_PASSWORD_SET: _event("user"),
    Action.USER_PASSWORD_CHANGED: _event("user"),
    Action.USER_SECOND_FACTOR_ADDED: _event("user", "kind"),
    Action.USER_SECOND_FACTOR_REMOVED: _event("user", "kind"),
    Action.USER_SECOND_FACTOR_FAILED: _event("user", "address reason"),
    Action.USER_SECOND_FACTOR_RESET: _event("user"),
    Action.USER_DIRECTORY_LINKED: _event("user", "sub name"),
    Action.USER_DIRECTORY_UNLINKED: _event("user", "sub"),
    Action.USER_DIRECTORY_CONFIRMED: _event("user", "address sub"),
    Action.USER_DIRECTORY_REFUSED: _event("user", "address sub reason detail"),
    Action.USER_ROLES_FOLLOWED: _event("user", "from to"),
    Action.USER_TEAMS_FOLLOWED: _event("user", "from to"),
    Action.TEAM_CREATED: _event("team", "queues"),
    Action.TEAM_CHANGED: _event("team", "name queues members"),
    Action.TEAM_DELETED: _event("team"),
    Action.API_CLIENT_CREATED: _event(
        "api_client",
        "scopes owner counts_as awaits addresses allowed_notices expires_at",
    ),
    Action.API_CLIENT_CHANGED: _event(
        "api_client",
        "name scopes owner addresses allowed_notices expires_at awaits",
    ),
    Action.API_CLIENT_CONFIRMED: _event(
        "api_client",
        "scopes allowed_notices addresses expires_at proposed_by owner",
    ),
    Action.API_CLIENT_DECLINED: _event("api_client", "awaited"),
    Action.API_CLIENT_DEACTIVATED: _event("api_client"),
    Action.API_CLIENT_REACTIVATED: _event("api_client"),
    Action.API_CLIENT_TOKEN_ROTATED: _event("api_client", "old_token_until"),
    Action.API_CLIENT_REFUSED: _event("api_client", "address reason"),
    Action.SECOND_FACTORS_ROTATED: _event("key", "rotated"),
    Action.CHAT_SERVER_CREATED: CHAT_SERVER,
    Action.CHAT_SERVER_CHANGED: CHAT_SERVER,
    Action.INTERACTIONS_POLLED: _event("poll", "address changed ended new seen withheld"),
    Action.WEBHOOK_CREATED: _event("webhook", "enabled events url name"),
    Action.WEBHOOK_CHANGED: _event("webhook", "enabled events url name reason"),
    Action.WEBHOOK_DELETED: _event("webhook", "waiting"),
    Action.WEBHOOK_TESTED: _event("webhook", "message"),
    Action.WEBHOOK_REDELIVERED: _event("webhook", "message"),
    Action.WEBHOOK_SECRET_ROTATED: _event("webhook", "old_secret_until"),
    Action.WEBHOOK_SECRETS_REENCRYPTED: _event("key", "webhooks"),
    Action.AUDIT_EXPORTED: _event("ledger"),
    Action.AUDIT_ARCHIVED: _event("ledger", "file hash sha256"),
    Action.AUDIT_KEY_CHANGED: _event("key", "from"),
    Action.DATABASE_BACKED_UP: _event("database", "folder"),
    Action.DATABASE_RESTORED: _event(
        "database", "nothing_sent_since unknown ledger_of_backup lost_to_at_least"
    ),
}
# An import adds these to each of its entries.
OF_A_FILE = frozenset({"file", "sha256"})
