"""URLs of the webhooks' pages."""

from django.urls import path

from console.webhooks.pages import messages, webhooks

ONE = "webhooks/<int:webhook_id>/"
MESSAGE = f"{ONE}messages/<int:message_id>/"

urlpatterns = [
    path("webhooks/", webhooks.webhook_list, name="webhook-list"),
    path("webhooks/new/", webhooks.webhook_new, name="webhook-create"),
    path(ONE, webhooks.webhook_detail, name="webhook-detail"),
    path(f"{ONE}secret/", webhooks.webhook_secret, name="webhook-secret"),
    path(f"{ONE}off/", webhooks.webhook_off, name="webhook-off"),
    path(f"{ONE}on/", webhooks.webhook_on, name="webhook-on"),
    path(f"{ONE}delete/", webhooks.webhook_remove, name="webhook-delete"),
    path(f"{ONE}test/", messages.webhook_try, name="webhook-test"),
    path(MESSAGE, messages.webhook_message, name="webhook-message"),
    path(f"{MESSAGE}again/", messages.webhook_message_again, name="webhook-message-again"),
]
