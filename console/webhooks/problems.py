"""What can go wrong with an attempt to tell a webhook something: all that is stored of it."""

from console.text.sentences import wording

UNSIGNED = wording(
    "webhook_unsigned",
    "Nothing was sent: its secret was kept under a CONSOLE_SECRET_KEY that is not known here. Put "
    "that key into CONSOLE_OLD_SECRET_KEYS, or give the webhook a new secret.",
)
NOT_SENT = wording("webhook_not_sent", "Nothing was sent. {why}")
NO_CONNECTION = wording("webhook_no_connection", "Nothing was sent: no connection. {error}")
NO_ANSWER = wording("webhook_no_answer", "No answer within {seconds} seconds. It may have arrived.")
UNREADABLE = wording(
    "webhook_unreadable", "No answer that can be read. It may have arrived. {error}"
)
REDIRECT = wording(
    "webhook_redirect",
    "It answers with a redirect, which is not followed: give the address it leads to.",
)
STATUS = wording("webhook_status", "It answers with status {status}: 200 to 299 count as taken.")
