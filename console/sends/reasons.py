"""Why a delivery was skipped, failed or is unknown."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    """Why a delivery was skipped, failed or is unknown."""

    NONE = "", ""
    OFFLINE = "offline", _("The chat had ended.")
    UNRESOLVED_VARIABLE = "unresolved_variable", _("A variable of the text has no value here.")
    EXPIRED_NOTICE = "expired_notice", _("The notice was not valid any more.")
    UNKNOWN_CHAT_SERVER = "unknown_chat_server", _("The console knows no such Chat Server.")
    CHAT_SERVER_DISABLED = "chat_server_disabled", _("The Chat Server is switched off here.")
    RECENTLY_SENT = "recently_sent", _("The chat got this notice a short while ago.")
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
    WORKER_LOST = "worker_lost", _("The worker stopped while it was sending.")
    RESTORED = "restored", _("It was open in the backup that the database was restored from.")
