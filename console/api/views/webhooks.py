"""Webhooks: who is told of what, what they were told, and telling it again."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Actor, Permission
from console.api.base import needs, query_filters, require_choice
from console.api.http.conditions import every
from console.api.http.pagination import HistoryPage
from console.api.serializers import webhooks as serializers
from console.api.things import ThingView, action, edits, reads
from console.webhooks import selectors, services
from console.webhooks.models import Message, MessageStatus, Webhook

ONE = {200: serializers.WebhookOutput}


class WebhookView(ThingView):
    """What the views of webhooks share."""

    kind = "webhook"

    def load(self, webhook_id: int) -> Webhook:
        return selectors.webhook_get(self.actor, webhook_id)

    def show(self, webhook: Webhook) -> Any:
        return serializers.WebhookOutput(self.load(webhook.pk)).data

    def held(self, webhook: Webhook) -> QuerySet[Webhook]:
        return every(Webhook)


def _with_secret(actor: Actor, webhook: Webhook, secret: str) -> Any:
    found = selectors.webhook_get(actor, webhook.pk)
    return serializers.NewWebhookOutput(found, context={"secret": secret}).data


def _message_output(actor: Actor, message: Message) -> Any:
    found = selectors.message_get(actor, message.webhook, message.pk)
    return serializers.OneMessageOutput(found).data


class Webhooks(WebhookView):
    @extend_schema(
        summary="List webhooks",
        responses={200: serializers.WebhookOutput(many=True)},
    )
    @needs(Permission.ADMINISTER)
    def get(self, request: Request) -> Response:
        query_filters(request, ())
        return self.page(request, selectors.webhooks(self.actor), serializers.WebhookOutput)

    @extend_schema(
        summary="Add a webhook",
        request=serializers.WebhookInput,
        responses={201: serializers.NewWebhookOutput},
    )
    @needs(Permission.ADMINISTER)
    def post(self, request: Request) -> Response:
        """The answer has the secret, which can't be read again. The address must be `https` and
        public, as far as the settings allow no other; its name is looked up now."""
        webhook, secret = services.webhook_create(self.actor, **self.read(serializers.WebhookInput))
        return self.tagged("webhook", _with_secret(self.actor, webhook, secret), status=201)


class OneWebhook(WebhookView):
    get = reads("Read a webhook", Permission.ADMINISTER, responses=ONE)

    @edits(
        "Change a webhook", Permission.ADMINISTER, takes=serializers.WebhookChanges, responses=ONE
    )
    def patch(self, webhook: Webhook, **given: Any) -> None:
        """With `enabled` false nothing is sent to it: what waits goes on waiting, and what happens
        meanwhile is not told to it."""
        services.webhook_update(self.actor, webhook, **given)

    @edits("Delete a webhook", Permission.ADMINISTER, takes=None, responses={204: None})
    def delete(self, webhook: Webhook) -> None:
        """With the list of its messages; what waits for it is not sent."""
        services.webhook_delete(self.actor, webhook)


class RotateSecret(WebhookView):
    @action(
        "Give a webhook a new secret",
        Permission.ADMINISTER,
        takes=serializers.RotateInput,
        responses={200: serializers.NewWebhookOutput},
    )
    def post(self, webhook: Webhook, *, overlap_seconds: int) -> tuple[Webhook, str]:
        """The answer has the new secret, which can't be read again."""
        # Clamped, since timedelta can't hold every number. The limits are no valid choices either.
        overlap = timedelta(seconds=min(max(overlap_seconds, -1), 86_401))
        return services.webhook_secret_rotate(self.actor, webhook, overlap=overlap)

    def show(self, made: Any) -> Any:
        return _with_secret(self.actor, *made)


class TestWebhook(WebhookView):
    @action(
        "Send a webhook a test event",
        Permission.ADMINISTER,
        responses={201: serializers.OneMessageOutput},
    )
    def post(self, webhook: Webhook) -> Message:
        """A worker sends it within two seconds; reading the message tells what became of it."""
        return services.webhook_test(self.actor, webhook)

    def show(self, message: Any) -> Any:
        return _message_output(self.actor, message)


class WebhookMessages(WebhookView):
    pagination_class = HistoryPage

    @extend_schema(
        summary="List what a webhook was told",
        parameters=[OpenApiParameter("status", str, enum=MessageStatus.values)],
        responses={200: serializers.MessageOutput(many=True)},
    )
    @needs(Permission.ADMINISTER)
    def get(self, request: Request, webhook_id: int) -> Response:
        """Newest first. What has ended is kept for some days, by a setting."""
        filters = query_filters(request, ["status"], paging=HistoryPage.names)
        require_choice(filters, "status", MessageStatus.values)
        rows = selectors.messages(self.actor, self.load(webhook_id), **filters)
        return self.page(request, rows, serializers.MessageOutput)


class MessageView(ThingView):
    """What the views of messages share."""

    def load(self, webhook_id: int, message_id: int) -> Message:
        webhook = selectors.webhook_get(self.actor, webhook_id)
        return selectors.message_get(self.actor, webhook, message_id)

    def show(self, message: Message) -> Any:
        return _message_output(self.actor, message)


class OneWebhookMessage(MessageView):
    @extend_schema(
        summary="Read a message and its attempts",
        responses={200: serializers.OneMessageOutput},
    )
    @needs(Permission.ADMINISTER)
    def get(self, request: Request, webhook_id: int, message_id: int) -> Response:
        return Response(self.show(self.load(webhook_id, message_id)))


class RedeliverMessage(MessageView):
    @action(
        "Send a message again",
        Permission.ADMINISTER,
        responses={200: serializers.OneMessageOutput},
    )
    def post(self, message: Message) -> Message:
        """Under the id that it has. 409 where it is on its way."""
        services.message_redeliver(self.actor, message)
        return message
