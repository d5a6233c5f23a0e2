"""Pages of a webhook's messages: their attempts, sending them again, and test events."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from console.actors import Permission
from console.errors import Conflict
from console.site.access import actor_of, require
from console.webhooks import selectors
from console.webhooks.services import message_redeliver, webhook_test

# A message has ten attempts, and ten more each time that somebody sends it again.
ATTEMPTS_SHOWN = 100


@require_GET
@require(Permission.ADMINISTER)
def webhook_message(request: HttpRequest, webhook_id: int, message_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)
    message = selectors.message_get(actor, webhook, message_id)
    context = {
        "webhook": webhook,
        "message": message,
        "attempts": selectors.attempts(actor, message)[:ATTEMPTS_SHOWN],
        "body": json.loads(message.body),
    }
    return render(request, "webhooks/message_detail.html", context)


@require_POST
@require(Permission.ADMINISTER)
def webhook_message_again(request: HttpRequest, webhook_id: int, message_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)
    message = selectors.message_get(actor, webhook, message_id)
    try:
        message_redeliver(actor, message)
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("It is on its way again, and leaves within two seconds."))
    return redirect("webhook-message", webhook.pk, message.pk)


@require_POST
@require(Permission.ADMINISTER)
def webhook_try(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Send a test event, and show its message."""
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)
    try:
        message = webhook_test(actor, webhook)
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return redirect("webhook-detail", webhook.pk)
    return redirect("webhook-message", webhook.pk, message.pk)
