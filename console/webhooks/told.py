"""What the ledger tells of webhooks (console.audit.state.kinds)."""

from console.audit.actions import Action
from console.audit.state.kinds import Kind, declare, pass_over
from console.webhooks.models import Webhook

HIDDEN = "a secret"

WEBHOOK = declare(
    Kind(
        name="webhook",
        label="webhook",
        model=Webhook,
        made_by=frozenset({Action.WEBHOOK_CREATED}),
        fields=("name", "url", "events", "enabled", "previous_secret_until"),
        # Some services have a secret in it.
        hidden=frozenset({"url"}),
        passed_over={
            "secret": HIDDEN,
            "previous_secret": HIDDEN,
            "created_at": "the entry of the creation has its own time",
        },
        older=lambda webhook: [("webhook", str(webhook.pk), {})],
    )
)

pass_over(
    {
        "webhooks.Attempt": "how the network answered, for some days",
        "webhooks.Mark": "which entries were told",
        "webhooks.Message": "derived: made out of entries, for some days",
    }
)
