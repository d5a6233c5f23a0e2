"""Webhooks: who is told of what, what they were told, and telling it again."""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters, require_choice
from console.api.http.conditions import every, unchanged
from console.api.http.pagination import HistoryPage
from console.api.serializers import webhooks as serializers
from console.webhooks import selectors, services
from console.webhooks.models import Message, MessageStatus, Webhook

ONE = {200: serializers.WebhookOutput}


class WebhookView(ConsoleView):
    """What the views of webhooks share."""

    def webhook(self, webhook_id: int) -> Webhook:
        return selectors.webhook_get(self.actor, webhook_id)

    def output(self, webhook_id: int) -> Any:
        return serializers.WebhookOutput(self.webhook(webhook_id)).data

    def unchanged_webhook(self, request: Request, webhook_id: int) -> AbstractContextManager[None]:
        return unchanged(request, "webhook", every(Webhook), lambda: self.output(webhook_id))

    def with_secret(self, webhook_id: int, secret: str) -> Any:
        context = {"secret": secret}
        return serializers.NewWebhookOutput(self.webhook(webhook_id), context=context).data

    def message_output(self, message: Message) -> Any:
        found = selectors.message_get(self.actor, message.webhook, message.pk)
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
        return self.tagged("webhook", self.with_secret(webhook.pk, secret), status=201)


class OneWebhook(WebhookView):
    @extend_schema(summary="Read a webhook", responses=ONE)
    @needs(Permission.ADMINISTER)
    def get(self, request: Request, webhook_id: int) -> Response:
        return self.tagged("webhook", self.output(webhook_id))

    @extend_schema(summary="Change a webhook", request=serializers.WebhookChanges, responses=ONE)
    @needs(Permission.ADMINISTER)
    def patch(self, request: Request, webhook_id: int) -> Response:
        """With `enabled` false nothing is sent to it: what waits goes on waiting, and what happens
        meanwhile is not told to it."""
        given = self.read(serializers.WebhookChanges)
        webhook = self.webhook(webhook_id)
        with self.unchanged_webhook(request, webhook_id):
            services.webhook_update(self.actor, webhook, **given)
        return self.tagged("webhook", self.output(webhook_id))

    @extend_schema(summary="Delete a webhook", responses={204: None})
    @needs(Permission.ADMINISTER)
    def delete(self, request: Request, webhook_id: int) -> Response:
        """With the list of its messages; what waits for it is not sent."""
        webhook = self.webhook(webhook_id)
        with self.unchanged_webhook(request, webhook_id):
            services.webhook_delete(self.actor, webhook)
        return Response(status=204)


class RotateSecret(WebhookView):
    @extend_schema(
        summary="Give a webhook a new secret",
        request=serializers.RotateInput,
        responses={200: serializers.NewWebhookOutput},
    )
    @needs(Permission.ADMINISTER)
    def post(self, request: Request, webhook_id: int) -> Response:
        """The answer has the new secret, which can't be read again."""
        seconds = self.read(serializers.RotateInput)["overlap_seconds"]
        # More than there is of time is no choice either.
        overlap = timedelta(seconds=min(max(seconds, -1), 86_401))
        webhook, secret = services.webhook_secret_rotate(
            self.actor, self.webhook(webhook_id), overlap=overlap
        )
        return Response(self.with_secret(webhook.pk, secret))


class TestWebhook(WebhookView):
    @extend_schema(
        summary="Send a webhook a test event",
        request=None,
        responses={201: serializers.OneMessageOutput},
    )
    @needs(Permission.ADMINISTER)
    def post(self, request: Request, webhook_id: int) -> Response:
        """A worker sends it within two seconds; reading the message tells what became of it."""
        message = services.webhook_test(self.actor, self.webhook(webhook_id))
        return Response(self.message_output(message), status=201)


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
        rows = selectors.messages(self.actor, self.webhook(webhook_id), **filters)
        return self.page(request, rows, serializers.MessageOutput)


class OneWebhookMessage(WebhookView):
    @extend_schema(
        summary="Read a message and its attempts",
        responses={200: serializers.OneMessageOutput},
    )
    @needs(Permission.ADMINISTER)
    def get(self, request: Request, webhook_id: int, message_id: int) -> Response:
        message = selectors.message_get(self.actor, self.webhook(webhook_id), message_id)
        return Response(self.message_output(message))


class RedeliverMessage(WebhookView):
    @extend_schema(
        summary="Send a message again",
        request=None,
        responses={200: serializers.OneMessageOutput},
    )
    @needs(Permission.ADMINISTER)
    def post(self, request: Request, webhook_id: int, message_id: int) -> Response:
        """Under the id that it has. 409 where it is on its way."""
        message = selectors.message_get(self.actor, self.webhook(webhook_id), message_id)
        services.message_redeliver(self.actor, message)
        return Response(self.message_output(message))
