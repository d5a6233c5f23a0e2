"""Pages of webhooks: who is told of what."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from console.accounts.pages.form_errors import saved
from console.actors import Permission
from console.audit.tables import older_page
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask_then, asks, posted
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
    page = Paginator(found, WEBHOOKS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "webhooks/webhook_list.html", {"page": page})


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def webhook_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = WebhookForm(posted(request))
    if form.is_bound and form.is_valid():
        values = {**form.cleaned_data}
        values.pop("expected")
        made = saved(form, lambda: webhook_create(actor, **values))
        if made is not None:
            return _secret_page(request, *made)
    status = 422 if form.errors else 200
    return render(request, "webhooks/webhook_new.html", {"form": form}, status=status)


def _secret_page(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    """The answer itself, and no redirect: nobody can read the secret again."""
    context = {"webhook": webhook, "secret": secret, "old_until": webhook.old_secret_until()}
    return render(request, "webhooks/webhook_secret.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def webhook_detail(request: HttpRequest, webhook_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)
    form = WebhookForm(posted(request), webhook=webhook)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        if saved(
            form,
            lambda: webhook_update(actor, webhook, **values),
            lambda: webhook_state(selectors.webhook_get(actor, webhook_id)),
        ):
            messages.success(request, _("Saved. It holds for what happens from now on."))
            return redirect("webhook-detail", webhook.pk)
    filters = MessageFilterForm(request.GET)
    found = filters.only(selectors.messages(actor, webhook, **filters.chosen))
    context = {
        "webhook": webhook,
        "form": form,
        "old_until": webhook.old_secret_until(),
        "page": older_page(found, request.GET, MESSAGES_A_PAGE),
        "filters": filters,
        "filtered": filters.is_filled,
        "kept_days": settings.WEBHOOK_RETENTION_DAYS,
    }
    status = 422 if form.errors else filters.http_status
    return render(request, "webhooks/webhook_detail.html", context, status=status)


# --- What is asked first --------------------------------------------------------------------------


@asks
@require(Permission.ADMINISTER)
def webhook_secret(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """A new secret. The answer shows it."""
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)
    form = SecretForm(posted(request), initial={"expected": secret_seen(webhook)})

    def rotate() -> HttpResponse:
        return _secret_page(request, *webhook_secret_rotate(actor, webhook, **form.cleaned_data))

    question = Question(
        place=webhook.name,
        title=_("Give %(name)s a new secret?") % {"name": webhook.name},
        texts=(
            _(
                "For a while each message is signed by both, so that the receiver can change over "
                "without losing one. If the old secret has leaked, end it now."
            ),
        ),
        button=_("Make a new secret"),
        action=reverse("webhook-secret", args=[webhook.pk]),
        back=_page(webhook),
        form=form,
        is_dangerous=False,
    )
    return ask_then(request, question, rotate)


@asks
@require(Permission.ADMINISTER)
def webhook_off(request: HttpRequest, webhook_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)

    def switch() -> str:
        webhook_update(actor, webhook, enabled=False)
        messages.success(request, _("%(name)s is switched off.") % {"name": webhook.name})
        return _page(webhook)

    question = Question(
        place=webhook.name,
        title=_("Switch %(name)s off?") % {"name": webhook.name},
        texts=(
            _(
                "Nothing is sent to it until somebody switches it on again. What waits goes on "
                "waiting; what happens meanwhile is not told to it."
            ),
        ),
        button=_("Switch off"),
        action=reverse("webhook-off", args=[webhook.pk]),
        back=_page(webhook),
    )
    return ask_then(request, question, switch)


@asks
@require(Permission.ADMINISTER)
def webhook_on(request: HttpRequest, webhook_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)

    def switch() -> str:
        webhook_update(actor, webhook, enabled=True)
        messages.success(request, _("%(name)s is switched on.") % {"name": webhook.name})
        return _page(webhook)

    question = Question(
        place=webhook.name,
        title=_("Switch %(name)s on?") % {"name": webhook.name},
        texts=(_("What waits for it leaves now, and it is told of what happens from now on."),),
        button=_("Switch on"),
        action=reverse("webhook-on", args=[webhook.pk]),
        back=_page(webhook),
        is_dangerous=False,
    )
    return ask_then(request, question, switch)


@asks
@require(Permission.ADMINISTER)
def webhook_remove(request: HttpRequest, webhook_id: int) -> HttpResponse:
    actor = actor_of(request)
    webhook = selectors.webhook_get(actor, webhook_id)

    def remove() -> str:
        webhook_delete(actor, webhook)
        messages.success(request, _("%(name)s is deleted.") % {"name": webhook.name})
        return reverse("webhook-list")

    waiting: int = webhook.waiting  # type: ignore[attr-defined]
    question = Question(
        place=webhook.name,
        title=_("Delete %(name)s?") % {"name": webhook.name},
        texts=(
            _(
                "Its secret and the list of its messages go with it, for good. The audit trail "
                "keeps that it was there. To stop it for a while, switch it off."
            ),
        ),
        warning=ngettext(
            "%(n)d message still waits for it, and will not be sent.",
            "%(n)d messages still wait for it, and will not be sent.",
            waiting,
        )
        % {"n": waiting}
        if waiting
        else "",
        button=_("Delete"),
        action=reverse("webhook-delete", args=[webhook.pk]),
        back=_page(webhook),
    )
    return ask_then(request, question, remove)


def _page(webhook: Webhook) -> str:
    return reverse("webhook-detail", args=[webhook.pk])
