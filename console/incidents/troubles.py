"""Why a standing stage does not reach new chats although it should."""

from console.text.sentences import wording

SENDER_GONE = wording(
    "stage_sender_gone",
    "{name}, who started this stage, may not send any more. Somebody else has to start a stage.",
)
AWAITS_APPROVAL = wording(
    "stage_awaits_approval", "Send {send} awaits approval. New chats wait for that."
)
PAUSED = wording("stage_send_paused", "Send {send} is paused. New chats wait until it goes on.")
NOT_APPROVED = wording(
    "stage_not_approved", "Send {send} was rejected or stopped, so no new chat gets this stage."
)
RESTORED = wording(
    "stage_restored",
    "The database was restored from a backup, which does not know who has got this stage since. If "
    "you let it go on, they get it once more.",
)
