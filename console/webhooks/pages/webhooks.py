"""Pages of webhooks: their addresses, events and secrets."""

from collections.abc import Callable

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from console.actors import Actor, Permission
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.paging import keyset_page, numbered_page
from console.editing.saving import form_page, save
from console.site.access import actor_of, require
from console.webhooks import selectors
from console.webhooks.models import Webhook
from console.webhooks.pages.forms import MessageFilterForm, SecretForm, WebhookForm
from console.webhooks.services import (
    webhook_create,
    webhook_delete,
    webhook_secret_rotate,
    webhook_update,
)
from console.webhooks.states import secret_seen, webhook_state

WEBHOOKS_A_PAGE = 50
MESSAGES_A_PAGE = 25


@require_GET
@require(Permission.ADMINISTER)
def webhook_list(request: HttpRequest) -> HttpResponse:
    found = selectors.webhooks(actor_of(request))
    page = numbered_page(request, found, WEBHOOKS_A_PAGE)
    return render(request, "webhooks/webhook_list.html", {"page": page})


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def webhook_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = WebhookForm(posted(request))
    made = save(form, lambda values: webhook_create(actor, **values))
    if made is not None:
        return _secret_page(request, *made)
    return form_page(request, "webhooks/webhook_new.html", form)


def _secret_page(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    """Show the secret without a redirect: nobody can read it again."""
    context = {"webhook": webhook, "secret": secret, "old_until": webhook.old_secret_until()}
    return render(request, "webhooks/webhook_secret.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def webhook_detail(request: HttpRequest, webhook_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)
    form = WebhookForm(posted(request), webhook=webhook)
    if save(
        form,
        lambda values: webhook_update(actor, webhook, **values),
        saved_now=lambda: webhook_state(selectors.webhook_get(actor, webhook_id)),
    ):
        messages.success(request, _("Saved. It holds for what happens from now on."))
        return redirect("webhook-detail", webhook.pk)
    filters = MessageFilterForm(request.GET)
    found = filters.only(selectors.messages(actor, webhook, **filters.chosen))
    return form_page(
        request,
        "webhooks/webhook_detail.html",
        form,
        status=filters.http_status,
        webhook=webhook,
        old_until=webhook.old_secret_until(),
        page=keyset_page(found, request.GET, MESSAGES_A_PAGE),
        filters=filters,
        filtered=filters.is_filled,
        kept_days=settings.WEBHOOK_RETENTION_DAYS,
    )


# --- With confirmation ----------------------------------------------------------------------------


@asks
@require(Permission.ADMINISTER)
def webhook_secret(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Rotate the secret after confirmation. The response shows the new one."""
    webhook = selectors.webhook_get(actor_of(request), webhook_id)
    form = SecretForm(posted(request), initial={"expected": secret_seen(webhook)})
    step = Step(
        title=_("Give %(name)s a new secret?"),
        text=_(
            "For a while each message is signed by both, so that the receiver can change over "
            "without losing one. If the old secret has leaked, end it now."
        ),
        button=_("Make a new secret"),
        is_dangerous=False,
    )

    def rotate(actor: Actor) -> HttpResponse:
        return _secret_page(request, *webhook_secret_rotate(actor, webhook, **form.cleaned_data))

    return _take(request, webhook, step, rotate, form=form)


@asks
@require(Permission.ADMINISTER)
def webhook_off(request: HttpRequest, webhook_id: int) -> HttpResponse:
    webhook = selectors.webhook_get(actor_of(request), webhook_id)
    step = Step(
        title=_("Switch %(name)s off?"),
        text=_(
            "Nothing is sent to it until somebody switches it on again. What waits goes on "
            "waiting; what happens meanwhile is not told to it."
        ),
        button=_("Switch off"),
        done=_("%(name)s is switched off."),
    )
    return _take(request, webhook, step, _switch(webhook, enabled=False))


@asks
@require(Permission.ADMINISTER)
def webhook_on(request: HttpRequest, webhook_id: int) -> HttpResponse:
    webhook = selectors.webhook_get(actor_of(request), webhook_id)
    step = Step(
        title=_("Switch %(name)s on?"),
        text=_("What waits for it leaves now, and it is told of what happens from now on."),
        button=_("Switch on"),
        done=_("%(name)s is switched on."),
        is_dangerous=False,
    )
    return _take(request, webhook, step, _switch(webhook, enabled=True))


def _switch(webhook: Webhook, *, enabled: bool) -> Callable[[Actor], object]:
    return lambda actor: webhook_update(actor, webhook, enabled=enabled)


@asks
@require(Permission.ADMINISTER)
def webhook_remove(request: HttpRequest, webhook_id: int) -> HttpResponse:
    webhook = selectors.webhook_get(actor_of(request), webhook_id)
    waiting: int = webhook.waiting  # type: ignore[attr-defined]
    warning = ngettext(
        "%(n)d message still waits for it, and will not be sent.",
        "%(n)d messages still wait for it, and will not be sent.",
        waiting,
    ) % {"n": waiting}
    step = Step(
        title=_("Delete %(name)s?"),
        text=_(
            "Its secret and the list of its messages go with it, for good. The audit trail "
            "keeps that it was there. To stop it for a while, switch it off."
        ),
        warning=warning if waiting else "",
        button=_("Delete"),
        done=_("%(name)s is deleted."),
    )
    leads_to = reverse("webhook-list")
    return _take(
        request, webhook, step, lambda actor: webhook_delete(actor, webhook), leads_to=leads_to
    )


def _take(
    request: HttpRequest,
    webhook: Webhook,
    step: Step,
    act: Callable[[Actor], object],
    *,
    form: forms.Form | None = None,
    leads_to: str = "",
) -> HttpResponse:
    actor = actor_of(request)
    return take_step(
        request,
        step,
        lambda: act(actor),
        name=webhook.name,
        page=reverse("webhook-detail", args=[webhook.pk]),
        leads_to=leads_to,
        form=form,
    )
