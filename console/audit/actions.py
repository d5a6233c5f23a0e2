"""The actions of the ledger: each with its label, the kind of its target and its data.

Readers compare actions, and never parse their names. A test checks recorded entries against this
table.
"""

from dataclasses import dataclass, replace

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """An action, by its name in the entries."""

    # Sends
    SEND_CREATED = "send.created", _("Send made")
    SEND_STARTED = "send.started", _("Send started")
    SEND_FINISHED = "send.finished", _("Send finished")
    SEND_PAUSED = "send.paused", _("Send paused")
    SEND_RESUMED = "send.resumed", _("Send resumed")
    SEND_CANCELLED = "send.cancelled", _("Send stopped")
    SEND_APPROVED = "send.approved", _("Send approved")
    SEND_REJECTED = "send.rejected", _("Send rejected")
    SEND_RESCHEDULED = "send.rescheduled", _("Send rescheduled")
    SEND_PROOF_MADE = "send.proof_made", _("Proof of a send issued")
    DELIVERY_PROOF_MADE = "delivery.proof_made", _("Proof of a delivery issued")
    DELIVERIES_DELIVERED = "deliveries.delivered", _("Deliveries delivered")
    DELIVERIES_FAILED = "deliveries.failed", _("Deliveries failed")
    DELIVERIES_UNKNOWN = "deliveries.unknown", _("Deliveries unknown")
    DELIVERIES_SKIPPED = "deliveries.skipped", _("Deliveries skipped")
    DELIVERIES_CANCELLED = "deliveries.cancelled", _("Deliveries cancelled")
    DELIVERIES_LATE_ANSWER = "deliveries.late_answer", _("Late answers to unknown deliveries")
    DELIVERIES_RESOLVED = "deliveries.resolved", _("Evidence of unknown deliveries")
    SENDING_STOPPED = "sending.stopped", _("All sending stopped")
    SENDING_RESTARTED = "sending.restarted", _("All sending restarted")
    TEXTS_ERASED = "texts.erased", _("Texts erased after their time")
    TEXTS_ERASING_STOPPED = "texts.erasing_stopped", _("Erasure of texts after their time stopped")
    INTERACTION_ERASED = "interaction.erased", _("Customer's data erased")
    INTERACTION_TEST_NAMED = "interaction.test_named", _("Test chat named")
    INTERACTION_TEST_ENDED = "interaction.test_ended", _("Test chat made an ordinary one")
    HISTORY_EXPORTED = "history.exported", _("History exported")
    EXPORT_FINISHED = "export.finished", _("File of an export ready")
    EXPORT_FAILED = "export.failed", _("Export failed")
    EXPORT_CANCELLED = "export.cancelled", _("Export cancelled")
    EXPORT_DOWNLOADED = "export.downloaded", _("File of an export fetched")
    EXPORT_DELETED = "export.deleted", _("File of an export deleted")
    # Catalogue
    NOTICE_CREATED = "notice.created", _("Notice created")
    NOTICE_CHANGED = "notice.changed", _("Notice changed")
    NOTICE_RETIRED = "notice.retired", _("Notice retired")
    NOTICE_RESTORED = "notice.restored", _("Retired notice restored")
    NOTICE_IMPORTED = "notice.imported", _("Notice brought in from an export")
    VERSION_CREATED = "version.created", _("Version created")
    VERSION_CHANGED = "version.changed", _("Version changed")
    VERSION_SUBMITTED = "version.submitted", _("Version submitted")
    VERSION_APPROVED = "version.approved", _("Version approved")
    VERSION_PUBLISHED = "version.published", _("Version published on time")
    VERSION_REJECTED = "version.rejected", _("Version rejected")
    CATEGORY_CREATED = "category.created", _("Category created")
    CATEGORY_CHANGED = "category.changed", _("Category changed")
    CATEGORY_DELETED = "category.deleted", _("Category deleted")
    PRESET_CREATED = "preset.created", _("Preset proposed")
    PRESET_CHANGED = "preset.changed", _("Change of a preset proposed")
    PRESET_APPROVED = "preset.approved", _("Preset approved")
    PRESET_REJECTED = "preset.rejected", _("Preset rejected")
    CATALOGUE_EXPORTED = "catalogue.exported", _("Catalogue exported")
    CATALOGUE_IMPORTED = "catalogue.imported", _("Catalogue imported")
    CATALOGUE_RESTORED = "catalogue.restored", _("Catalogue restored from an export")
    # Incidents
    PLAYBOOK_CREATED = "playbook.created", _("Playbook created")
    PLAYBOOK_CHANGED = "playbook.changed", _("Playbook's draft changed")
    PLAYBOOK_SUBMITTED = "playbook.submitted", _("Playbook submitted")
    PLAYBOOK_APPROVED = "playbook.approved", _("Playbook approved")
    PLAYBOOK_REJECTED = "playbook.rejected", _("Playbook rejected")
    PLAYBOOK_RETIRED = "playbook.retired", _("Playbook retired")
    INCIDENT_STARTED = "incident.started", _("Incident started")
    INCIDENT_STAGE_STARTED = "incident.stage_started", _("Stage of an incident started")
    INCIDENT_STAGE_PAUSED = "incident.stage_paused", _("Stage of an incident paused")
    INCIDENT_STAGE_RESUMED = "incident.stage_resumed", _("Stage of an incident resumed")
    INCIDENT_CONFIRMED = "incident.confirmed", _("Emergency confirmed")
    INCIDENT_UNCONFIRMED = "incident.unconfirmed", _("Emergency paused, since nobody confirmed it")
    INCIDENT_OVERDUE = "incident.overdue", _("Update of an incident overdue")
    INCIDENT_CLOSED = "incident.closed", _("Incident closed")
    INCIDENT_EXPORTED = "incident.exported", _("Incident exported")
    # People and programs
    USER_CREATED = "user.created", _("Person created")
    USER_CHANGED = "user.changed", _("Person changed")
    USER_DEACTIVATED = "user.deactivated", _("Person deactivated")
    USER_REACTIVATED = "user.reactivated", _("Person reactivated")
    USER_RELEASED = "user.released", _("Locked name released")
    USER_LOCKED = "user.locked", _("Name locked")
    USER_SIGNED_IN = "user.signed_in", _("Signed in")
    USER_SIGNED_OUT = "user.signed_out", _("Signed out")
    USER_SIGN_IN_FAILED = "user.sign_in_failed", _("Sign-in failed")
    USER_SESSIONS_ENDED = "user.sessions_ended", _("Sessions ended")
    USER_PASSWORD_SET = "user.password_set", _("Password set by an administrator")
    USER_PASSWORD_CHANGED = "user.password_changed", _("Password changed")
    USER_SECOND_FACTOR_ADDED = "user.second_factor_added", _("Second factor added")
    USER_SECOND_FACTOR_REMOVED = "user.second_factor_removed", _("Second factor removed")
    USER_SECOND_FACTOR_FAILED = "user.second_factor_failed", _("Second factor failed")
    USER_SECOND_FACTOR_RESET = "user.second_factor_reset", _("Second factors reset")
    USER_SECURITY_KEY_NOTED = "user.security_key_noted", _("Security key's public key noted")
    USER_DIRECTORY_LINKED = "user.directory_linked", _("Account linked to the directory")
    USER_DIRECTORY_UNLINKED = "user.directory_unlinked", _("Account unlinked from the directory")
    USER_DIRECTORY_CONFIRMED = "user.directory_confirmed", _("Confirmed by the directory")
    USER_DIRECTORY_REFUSED = "user.directory_refused", _("Refused by the directory")
    USER_ROLES_FOLLOWED = "user.roles_followed", _("Roles followed the directory")
    USER_TEAMS_FOLLOWED = "user.teams_followed", _("Teams followed the directory")
    USER_NOTIFICATIONS_CHANGED = "user.notifications_changed", _("Notifications chosen")
    USER_STAND_IN_NAMED = "user.stand_in_named", _("Stand-in named")
    USER_STAND_IN_ENDED = "user.stand_in_ended", _("Stand-in ended")
    TEAM_CREATED = "team.created", _("Team created")
    TEAM_CHANGED = "team.changed", _("Team changed")
    TEAM_DELETED = "team.deleted", _("Team deleted")
    API_CLIENT_CREATED = "api_client.created", _("API client created")
    API_CLIENT_CHANGED = "api_client.changed", _("API client changed")
    API_CLIENT_CONFIRMED = "api_client.confirmed", _("API client confirmed")
    API_CLIENT_DECLINED = "api_client.declined", _("API client declined")
    API_CLIENT_DEACTIVATED = "api_client.deactivated", _("API client deactivated")
    API_CLIENT_REACTIVATED = "api_client.reactivated", _("API client reactivated")
    API_CLIENT_TOKEN_ROTATED = "api_client.token_rotated", _("API client's token rotated")
    API_CLIENT_REFUSED = "api_client.refused", _("API client's token refused")
    SECOND_FACTORS_ROTATED = "second_factors.rotated", _("Second factors re-encrypted")
    # Site
    CHAT_SERVER_CREATED = "chat_server.created", _("Chat Server registered")
    CHAT_SERVER_CHANGED = "chat_server.changed", _("Chat Server changed")
    CHAT_SERVER_HELD = "chat_server.held", _("Chat Server held")
    CHAT_SERVER_RELEASED = "chat_server.released", _("Chat Server released")
    CHAT_SERVER_RENAMED = "chat_server.renamed", _("Chat Server renamed")
    CHAT_SERVER_REMOVED = "chat_server.removed", _("Chat Server removed")
    VIEW_CREATED = "view.created", _("View saved")
    VIEW_CHANGED = "view.changed", _("View changed")
    VIEW_DELETED = "view.deleted", _("View deleted")
    SEARCH_SAVED = "search.saved", _("Search saved")
    SEARCH_RENAMED = "search.renamed", _("Search renamed")
    SEARCH_DELETED = "search.deleted", _("Search deleted")
    INTERACTIONS_POLLED = "interactions.polled", _("Interaction Server polled")
    WEBHOOK_CREATED = "webhook.created", _("Webhook created")
    WEBHOOK_CHANGED = "webhook.changed", _("Webhook changed")
    WEBHOOK_DELETED = "webhook.deleted", _("Webhook deleted")
    WEBHOOK_TESTED = "webhook.tested", _("Webhook tested")
    WEBHOOK_REDELIVERED = "webhook.redelivered", _("Webhook's message sent again")
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated", _("Webhook's secret rotated")
    WEBHOOK_SECRETS_REENCRYPTED = "webhook_secrets.reencrypted", _("Webhooks' secrets re-encrypted")
    MAIL_TESTED = "mail.tested", _("Mail tested")
    APPROVALS_RULES_SET = "approvals.rules_set", _("Rules of approvals set")
    TEXTS_READ = "texts.read", _("Customers' texts read")
    AUDIT_EXPORTED = "audit.exported", _("Trail exported")
    AUDIT_ARCHIVED = "audit.archived", _("Trail archived")
    AUDIT_KEY_REVOKED = "audit.key_revoked", _("Key of a process revoked")
    AUDIT_ROWS_CARRIED = "audit.rows_carried", _("Rows told again, from archived entries")
    AUDIT_ROWS_BEGUN = "audit.rows_begun", _("Rows told that no entry had told")
    AUDIT_STATE_STOPPED = "audit.state_stopped", _("Comparison of the state stopped")
    AUDIT_KEY_CHANGED = "audit.key_changed", _("Audit key changed")
    AUDIT_STREAM_REPLAYED = "audit.stream_replayed", _("Stream to a SIEM begun again")
    AUDIT_STREAM_TESTED = "audit.stream_tested", _("Stream to a SIEM tested")
    DATABASE_BACKED_UP = "database.backed_up", _("Backup made")
    DATABASE_RESTORED = "database.restored", _("Backup restored")


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
    "new_shortcut notice_class confirmation",
)
DELIVERIES = _event("send", "chat_server method visibility deliveries")
PRESET = _event("preset", "change name visibility nickname roles reject_reason confirmation")
CHAT_SERVER = _event(
    "chat_server",
    "url pace_per_second burst window connect_timeout_seconds request_timeout_seconds enabled",
)
PLAYBOOK = _event(
    "playbook",
    "version audience stages is_for_emergency change_note status reject_reason team confirmation",
)
VIEW = _event("view", "team audience_sha256 sort position")
SEARCH = _event("search", "query_sha256")
EVENTS = {
    Action.PLAYBOOK_CREATED: PLAYBOOK,
    Action.PLAYBOOK_CHANGED: PLAYBOOK,
    Action.PLAYBOOK_SUBMITTED: PLAYBOOK,
    Action.PLAYBOOK_APPROVED: PLAYBOOK,
    Action.PLAYBOOK_REJECTED: PLAYBOOK,
    Action.PLAYBOOK_RETIRED: _event("playbook"),
    Action.INCIDENT_STARTED: _event("incident", "playbook version why audience confirm_until"),
    Action.INCIDENT_STAGE_STARTED: _event(
        "incident", "stage position name notice version reach is_standing due_at send called_off"
    ),
    Action.INCIDENT_STAGE_PAUSED: _event("incident", "stage position"),
    Action.INCIDENT_STAGE_RESUMED: _event("incident", "stage position"),
    Action.INCIDENT_CONFIRMED: _event("incident", "started_by"),
    Action.INCIDENT_UNCONFIRMED: _event("incident", "confirm_until sends"),
    Action.INCIDENT_OVERDUE: _event("incident", "stage position due_at"),
    Action.INCIDENT_CLOSED: _event("incident", "word counts called_off"),
    Action.INCIDENT_EXPORTED: _event("incident", "sha256 rows"),
    Action.SEND_CREATED: _event(
        "send",
        "notice version version_sha256 visibility nickname nickname_from nickname_preset "
        "counts targets_sha256 why status release_at fields_sha256 leave_out "
        "allow_repeat retry_of may_show_twice incident stage covered_by "
        "canary test",
    ),
    Action.SEND_STARTED: _event("send"),
    Action.SEND_FINISHED: _event("send", "counts"),
    Action.SEND_PAUSED: _event("send", "sender itself counts resumes_at"),
    Action.SEND_RESUMED: _event("send", "sender"),
    Action.SEND_CANCELLED: _event("send", "cancelled reason sender"),
    Action.SEND_APPROVED: _event("send", "release_at sender status confirmation"),
    Action.SEND_REJECTED: _event("send", "cancelled reason sender"),
    Action.SEND_RESCHEDULED: _event("send", "approval from status time_zone to sender"),
    Action.SEND_PROOF_MADE: _event("send", "first last sha256"),
    Action.DELIVERY_PROOF_MADE: _event("delivery", "send sha256"),
    Action.DELIVERIES_DELIVERED: DELIVERIES,
    Action.DELIVERIES_FAILED: DELIVERIES,
    Action.DELIVERIES_UNKNOWN: DELIVERIES,
    Action.DELIVERIES_SKIPPED: DELIVERIES,
    Action.DELIVERIES_CANCELLED: DELIVERIES,
    Action.DELIVERIES_LATE_ANSWER: _event("send", "chat_server deliveries"),
    Action.DELIVERIES_RESOLVED: _event("send", "chat_server deliveries"),
    Action.SENDING_STOPPED: _event("sending", "reason"),
    Action.SENDING_RESTARTED: _event("sending", "stopped_at stopped_by"),
    Action.TEXTS_ERASED: _event("send", "count first last kept_days"),
    Action.TEXTS_ERASING_STOPPED: _event("texts", "sends count"),
    Action.INTERACTION_ERASED: _event("interaction", "deliveries why"),
    Action.INTERACTION_TEST_NAMED: _event("interaction"),
    Action.INTERACTION_TEST_ENDED: _event("interaction"),
    Action.HISTORY_EXPORTED: _event(
        "history",
        "q status resolution notice version actor send delivery interaction chat_server since "
        "until format upto export",
    ),
    Action.EXPORT_FINISHED: _event("export", "rows bytes sha256"),
    Action.EXPORT_FAILED: _event("export", "reason"),
    Action.EXPORT_CANCELLED: _event("export", "rows"),
    Action.EXPORT_DOWNLOADED: _event("export", "rows sha256"),
    Action.EXPORT_DELETED: _event("export", "rows"),
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
    Action.USER_CREATED: _event("user", "roles teams sub confirmation"),
    Action.USER_CHANGED: _event(
        "user", "username first_name last_name email roles teams confirmation"
    ),
    Action.USER_DEACTIVATED: _event("user"),
    Action.USER_REACTIVATED: _event("user", "roles confirmation"),
    Action.USER_RELEASED: _event("user"),
    Action.USER_LOCKED: _event("user", "address"),
    Action.USER_SIGNED_IN: _event("user", "address methods sub"),
    Action.USER_SIGNED_OUT: _event("user", "address"),
    Action.USER_SIGN_IN_FAILED: _event("user", "address"),
    Action.USER_SESSIONS_ENDED: _event("user", "sessions reason"),
    Action.USER_PASSWORD_SET: _event("user"),
    Action.USER_PASSWORD_CHANGED: _event("user"),
    Action.USER_SECOND_FACTOR_ADDED: _event("user", "kind credential_id public_key"),
    Action.USER_SECOND_FACTOR_REMOVED: _event("user", "kind credential_id public_key"),
    Action.USER_SECURITY_KEY_NOTED: _event("user", "credential_id public_key"),
    Action.USER_SECOND_FACTOR_FAILED: _event("user", "address reason"),
    Action.USER_SECOND_FACTOR_RESET: _event("user"),
    Action.USER_DIRECTORY_LINKED: _event("user", "sub name"),
    Action.USER_DIRECTORY_UNLINKED: _event("user", "sub"),
    Action.USER_DIRECTORY_CONFIRMED: _event("user", "address sub"),
    Action.USER_DIRECTORY_REFUSED: _event("user", "address sub reason detail"),
    Action.USER_ROLES_FOLLOWED: _event("user", "from to"),
    Action.USER_TEAMS_FOLLOWED: _event("user", "from to"),
    Action.USER_NOTIFICATIONS_CHANGED: _event("user", "declined quiet_from quiet_to time_zone"),
    Action.USER_STAND_IN_NAMED: _event("user", "stand_in begins_at ends_at"),
    Action.USER_STAND_IN_ENDED: _event("user", "stand_in begins_at ends_at"),
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
    Action.CHAT_SERVER_HELD: _event("chat_server", "reason"),
    Action.CHAT_SERVER_RELEASED: _event("chat_server", "held_at held_by"),
    Action.CHAT_SERVER_RENAMED: _event("chat_server", "deliveries from interactions"),
    Action.CHAT_SERVER_REMOVED: _event("chat_server", "url"),
    Action.VIEW_CREATED: VIEW,
    Action.VIEW_CHANGED: VIEW,
    Action.VIEW_DELETED: VIEW,
    Action.SEARCH_SAVED: SEARCH,
    Action.SEARCH_RENAMED: SEARCH,
    Action.SEARCH_DELETED: SEARCH,
    Action.INTERACTIONS_POLLED: _event("poll", "address changed ended new seen withheld"),
    Action.WEBHOOK_CREATED: _event("webhook", "enabled events url name"),
    Action.WEBHOOK_CHANGED: _event("webhook", "enabled events url name reason"),
    Action.WEBHOOK_DELETED: _event("webhook", "waiting"),
    Action.WEBHOOK_TESTED: _event("webhook", "message"),
    Action.WEBHOOK_REDELIVERED: _event("webhook", "message"),
    Action.WEBHOOK_SECRET_ROTATED: _event("webhook", "old_secret_until"),
    Action.WEBHOOK_SECRETS_REENCRYPTED: _event("key", "webhooks"),
    Action.MAIL_TESTED: _event("user"),
    Action.APPROVALS_RULES_SET: _event("approvals", "version preset playbook send role sites"),
    Action.TEXTS_READ: _event("texts", "reads"),
    Action.AUDIT_EXPORTED: _event("ledger", "action target_kind target_ref format upto export"),
    Action.AUDIT_ARCHIVED: _event("ledger", "file hash sha256"),
    Action.AUDIT_KEY_REVOKED: _event("key", "revocation"),
    Action.AUDIT_ROWS_CARRIED: _event("ledger"),
    Action.AUDIT_ROWS_BEGUN: _event("ledger"),
    Action.AUDIT_STATE_STOPPED: _event("ledger", "compared"),
    Action.AUDIT_KEY_CHANGED: _event("key", "from"),
    Action.AUDIT_STREAM_REPLAYED: _event("ledger", "receiver from was"),
    Action.AUDIT_STREAM_TESTED: _event("ledger", "receiver"),
    Action.DATABASE_BACKED_UP: _event("database", "folder"),
    Action.DATABASE_RESTORED: _event(
        "database", "nothing_sent_since unknown ledger_of_backup lost_to_at_least log"
    ),
}
# An import adds these to each of its entries.
OF_A_FILE = frozenset({"file", "sha256"})
# Their entries tell what the database has of their things afterwards (console.audit.state.kinds).
TELL_ROWS = frozenset(
    {
        Action.USER_CREATED,
        Action.USER_CHANGED,
        Action.USER_DEACTIVATED,
        Action.USER_REACTIVATED,
        Action.USER_SECOND_FACTOR_ADDED,
        Action.USER_SECOND_FACTOR_REMOVED,
        Action.USER_SECOND_FACTOR_RESET,
        Action.USER_DIRECTORY_LINKED,
        Action.USER_DIRECTORY_UNLINKED,
        Action.USER_ROLES_FOLLOWED,
        Action.USER_TEAMS_FOLLOWED,
        Action.USER_NOTIFICATIONS_CHANGED,
        Action.USER_STAND_IN_NAMED,
        Action.USER_STAND_IN_ENDED,
        Action.TEAM_CREATED,
        Action.TEAM_CHANGED,
        Action.TEAM_DELETED,
        Action.API_CLIENT_CREATED,
        Action.API_CLIENT_CHANGED,
        Action.API_CLIENT_CONFIRMED,
        Action.API_CLIENT_DECLINED,
        Action.API_CLIENT_DEACTIVATED,
        Action.API_CLIENT_REACTIVATED,
        Action.API_CLIENT_TOKEN_ROTATED,
        Action.NOTICE_CREATED,
        Action.NOTICE_CHANGED,
        Action.NOTICE_RETIRED,
        Action.NOTICE_RESTORED,
        Action.NOTICE_IMPORTED,
        Action.VERSION_CREATED,
        Action.VERSION_CHANGED,
        Action.VERSION_SUBMITTED,
        Action.VERSION_APPROVED,
        Action.VERSION_PUBLISHED,
        Action.VERSION_REJECTED,
        Action.CATEGORY_CREATED,
        Action.CATEGORY_CHANGED,
        Action.CATEGORY_DELETED,
        Action.PRESET_CREATED,
        Action.PRESET_CHANGED,
        Action.PRESET_APPROVED,
        Action.PRESET_REJECTED,
        Action.PLAYBOOK_CREATED,
        Action.PLAYBOOK_CHANGED,
        Action.PLAYBOOK_SUBMITTED,
        Action.PLAYBOOK_APPROVED,
        Action.PLAYBOOK_REJECTED,
        Action.PLAYBOOK_RETIRED,
        Action.INCIDENT_STARTED,
        Action.INCIDENT_STAGE_STARTED,
        Action.INCIDENT_STAGE_PAUSED,
        Action.INCIDENT_STAGE_RESUMED,
        Action.INCIDENT_CONFIRMED,
        Action.INCIDENT_UNCONFIRMED,
        Action.INCIDENT_OVERDUE,
        Action.INCIDENT_CLOSED,
        Action.CHAT_SERVER_CREATED,
        Action.CHAT_SERVER_CHANGED,
        Action.CHAT_SERVER_HELD,
        Action.CHAT_SERVER_RELEASED,
        Action.CHAT_SERVER_RENAMED,
        Action.CHAT_SERVER_REMOVED,
        Action.SENDING_STOPPED,
        Action.SENDING_RESTARTED,
        Action.WEBHOOK_CREATED,
        Action.WEBHOOK_CHANGED,
        Action.WEBHOOK_DELETED,
        Action.WEBHOOK_SECRET_ROTATED,
        Action.AUDIT_ROWS_CARRIED,
        Action.AUDIT_ROWS_BEGUN,
        Action.DATABASE_RESTORED,
    }
)
EVENTS |= {
    action: replace(EVENTS[action], data=EVENTS[action].data | {"rows"}) for action in TELL_ROWS
}
