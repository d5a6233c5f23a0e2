"""Why a delivery was skipped, failed or is unknown, and how that is worded.

A delivery keeps a reason, which programs read, and a detail: a Sentence, of which the database
keeps code and parameters. To change the words of one, change its template here.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from console.text.sentences import Sentence, Wording, wording
from console.text.wording import term_of


class Reason(models.TextChoices):
    """Why a delivery was skipped, failed or is unknown."""

    NONE = "", ""
    OFFLINE = "offline", _("The chat had ended.")
    UNRESOLVED_VARIABLE = "unresolved_variable", _("A variable of the text has no value here.")
    EXPIRED_NOTICE = "expired_notice", _("The notice was not valid any more.")
    UNKNOWN_CHAT_SERVER = "unknown_chat_server", _("The console knows no such Chat Server.")
    CHAT_SERVER_DISABLED = "chat_server_disabled", _("The Chat Server is switched off here.")
    RECENTLY_SENT = "recently_sent", _("The chat got this notice a short while ago.")
    CONTACT_BUDGET = "contact_budget", _("The chat has had as many notices as it may get now.")
    TEST_CHAT = "test_chat", _("It is a test chat, which gets only tests.")
    NO_TEST_CHAT = "no_test_chat", _("It is not a test chat, and this was a test.")
    NOT_PREVIEWED = "not_previewed", _("It was not ready in the preview.")
    OTHER_LANGUAGE = "other_language", _("It would get another language than in the preview.")
    NO_LONGER_MATCHES = "no_longer_matches", _("It does not match the filter any more.")
    NOT_ALLOWED = "not_allowed", _("There is no such chat, or the sender may not see it.")
    NO_TEXT_IN_LANGUAGE = "no_text_in_language", _("The notice has no text in the chat's language.")
    UNKNOWN_LANGUAGE = "unknown_language", _("Nobody knows the chat's language.")
    INVALID_URL = "invalid_url", _("The URL that came out may not be pushed.")
    TEXT_TOO_LONG = "text_too_long", _("The text that came out is too long.")
    EMPTY_TEXT = "empty_text", _("The text that came out is empty.")
    TEMPLATE_ERROR = "template_error", _("The text could not be filled in.")
    INVALID_USER_DATA = "invalid_user_data", _("The chat's user data can't travel to Chat Server.")
    REFUSED = "refused", _("Chat Server refused it.")
    NOT_SENT = "not_sent", _("It could not be sent within its time to live. Nothing went out.")
    NO_ANSWER = "no_answer", _("The request went out and no answer came.")
    WORKER_LOST = "worker_lost", _("Its worker was lost while it was sending.")
    RESTORED = "restored", _("It was open in the backup that the database was restored from.")


_BY_REASON: dict[Reason, Wording] = {
    reason: wording(reason.value, term_of(reason.label).template)
    for reason in Reason
    if reason is not Reason.NONE
}


def said(reason: Reason) -> Sentence:
    """What there is to say where no more is known than the reason."""
    return _BY_REASON[reason]()


# What is said of a delivery more closely than its reason says.
CHAT_SERVER_UNNAMED = wording(
    "chat_server_unnamed",
    "The chat's user data has no ChatServerAppName, which would say where it is.",
)
CHAT_SERVER_UNREGISTERED = wording(
    "chat_server_unregistered",
    "No Chat Server named {name} is registered; an administrator can add it.",
)
CHAT_SERVER_OFF = wording(
    "chat_server_off", "The Chat Server {name} is switched off in the console."
)
LANGUAGE_UNSAID = wording(
    "language_unsaid", "The chat does not say its language, and such chats are left out."
)
TEXT_MISSING = wording("text_missing", "The notice has no text in {locale:language}.")
TEXT_ERASED = wording("text_erased", "Its text has been erased.")
WAITS_ALREADY = wording("waits_already", "This notice waits for the chat already, by another send.")
WAITS_UNTIL = wording(
    "waits_until",
    "This notice waits for the chat already, by another send. It is due in {span}.",
)
ON_ITS_WAY = wording(
    "on_its_way", "This notice is on its way to the chat already, by another send."
)
GOT_IT = wording("got_it", "The chat got this notice {span} ago.")
MAY_HAVE_IT = wording("may_have_it", "The chat may have got this notice {span} ago.")
CONTACT_BUDGET_SPENT = wording(
    "contact_budget_spent",
    "The chat has had, or is about to get, {had} of {limit} notices in {minutes} min. The next one "
    "is possible at {next_at:clock}.",
)
ARRIVED_AFTER_ALL = wording(
    "arrived_after_all",
    "There is evidence that the one that this tries again was delivered. Nothing went out.",
)
NO_ANSWER_SINCE = wording(
    "no_answer_since",
    "The request was handed to the network and no answer came. The customer may have seen it. "
    "Sending again may show it twice.",
)
NO_ANSWER_FOR = wording(
    "no_answer_for",
    "The request was handed to the network and no answer came. The customer may have seen it. "
    "Sending again may show it twice. ({why})",
)
NOT_SENT_FOR = wording(
    "not_sent_for",
    "It could not be sent within its time to live. Nothing went out. {why}",
)
WORDLESS = wording("wordless", "What was said of it could not be recorded.")
WORKER_STOPPED = wording(
    "worker_stopped",
    "The worker was lost before it could record an answer. The customer may have seen it. Sending "
    "again may show it twice.",
)
RESTORED_OPEN = wording(
    "restored_open",
    "The database was restored from a backup in which this was still open. It may have gone out "
    "since. Sending again may show it twice.",
)
CANARY_ENDED = wording(
    "canary_ended",
    "Of the {size:,} chats that came first {delivered:,} were delivered, {failed:,} failed and "
    "{unknown:,} are unknown. The others wait.",
)
TOO_MANY_FAILED = wording(
    "too_many_failed",
    "{bad:,} of {ended:,} deliveries failed or are unknown, which is more than {percent}%. The "
    "others wait.",
)
EMERGENCY_UNCONFIRMED = wording(
    "emergency_unconfirmed",
    "Nobody has confirmed this emergency in time, so it is paused. An approver can still confirm "
    "it.",
)
SENDER_WITHOUT_PERMISSION = wording(
    "sender_without_permission",
    "The sender lost the permission to send before this could leave.",
)
SENDER_WITHOUT_NOTICE = wording(
    "sender_without_notice", "The sender may not send this notice any more."
)
SENDER_WITHOUT_TEAM = wording("sender_without_team", "The chat is in another team's queue now.")
