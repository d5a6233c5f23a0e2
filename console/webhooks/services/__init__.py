"""All writes of webhooks, their messages and attempts."""

from console.webhooks.services.attempts import (
    Outcome,
    Parcel,
    attempt_record,
    carrying_begin,
    carrying_end,
    parcels_take,
)
from console.webhooks.services.gathering import facts_gather
from console.webhooks.services.messages import message_redeliver, messages_forget, webhook_test
from console.webhooks.services.webhooks import (
    webhook_create,
    webhook_delete,
    webhook_secret_rotate,
    webhook_secrets_reencrypt,
    webhook_update,
    webhooks_stop_after_restore,
)

__all__ = [
    "Outcome",
    "Parcel",
    "attempt_record",
    "carrying_begin",
    "carrying_end",
    "facts_gather",
    "message_redeliver",
    "messages_forget",
    "parcels_take",
    "webhook_create",
    "webhook_delete",
    "webhook_secret_rotate",
    "webhook_secrets_reencrypt",
    "webhook_test",
    "webhook_update",
    "webhooks_stop_after_restore",
]
