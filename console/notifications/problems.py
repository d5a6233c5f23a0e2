"""What can go wrong with a mail or a message to a channel: all that is stored of it."""

from console.text.sentences import wording

NOT_SET_UP = wording(
    "mail_not_set_up", "Nothing was sent: CONSOLE_EMAIL_URL names no mail server any more."
)
NO_CONNECTION = wording(
    "mail_no_connection", "Nothing was sent: no connection to the mail server. {error}"
)
NOT_SIGNED_IN = wording(
    "mail_not_signed_in",
    "Nothing was sent: the mail server does not take the user and password of CONSOLE_EMAIL_URL. "
    "It answers {code}.",
)
REFUSED = wording("mail_refused", "The mail server refused it: {code} {answer}")
LATER = wording("mail_later", "The mail server does not take it now: {code} {answer}")
BROKEN = wording(
    "mail_broken",
    "The connection to the mail server broke before the mail was handed over. {error}",
)
MAYBE = wording(
    "mail_maybe",
    "The connection to the mail server broke after the mail was handed over. It may have arrived, "
    "so it is not sent again. {error}",
)
COURIER_GONE = wording(
    "mail_courier_gone",
    "The worker that sent it has ended meanwhile. It may have arrived, so it is not sent again.",
)
TOO_OLD = wording("mail_too_old", "It could not be sent for {hours} hours. The last try: {why}")
NO_ADDRESS = wording("mail_no_address", "This person has no mail address any more.")
CHANNEL_GONE = wording(
    "channel_gone", "Nothing was sent: CONSOLE_CHANNELS has no channel of this name any more."
)
CHANNEL_FAILED = wording(
    "channel_failed",
    "The channel did not take it. Check its address in CONSOLE_CHANNELS, and whether it can be "
    "reached from this machine.",
)
CHANNEL_SILENT = wording(
    "channel_silent", "The channel did not answer in time. It may have it, so it is not sent again."
)
