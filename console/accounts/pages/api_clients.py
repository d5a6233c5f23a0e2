"""Pages of API clients: what their tokens may do, from where and until when."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.accounts.models import ApiClient, Scope
from console.accounts.own_work import is_own
from console.accounts.pages.administration_forms import (
    ApiClientFilterForm,
    ApiClientForm,
    SeenForm,
    TokenForm,
)
from console.accounts.pages.form_errors import saved, show_also
from console.accounts.selectors import api_client_get, api_clients
from console.accounts.services import (
    api_client_confirm,
    api_client_create,
    api_client_deactivate,
    api_client_decline,
    api_client_reactivate,
    api_client_token_rotate,
    api_client_update,
    token_seen,
)
from console.accounts.services.client_limits import require_right
from console.accounts.states import api_client_state, state_digest
from console.actors import Actor, Permission
from console.database.clock import near_now
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask_then, asks, posted

CLIENTS_A_PAGE = 50


@require_GET
@require(Permission.ADMINISTER)
def api_client_list(request: HttpRequest) -> HttpResponse:
    form = ApiClientFilterForm(request.GET)
    found = form.only(api_clients(actor_of(request), **form.chosen))
    context = {
        "page": Paginator(found, CLIENTS_A_PAGE).get_page(request.GET.get("page")),
        "form": form,
        "filtered": form.is_filled,
    }
    return render(request, "accounts/api_client_list.html", context, status=form.http_status)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def api_client_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ApiClientForm(posted(request))
    if form.is_bound and form.is_valid():
        values = {**form.cleaned_data}
        values.pop("expected")
        made = saved(form, lambda: api_client_create(actor, **values))
        if made is not None:
            return _token_page(request, *made)
    elif form.is_bound:
        show_also(form, lambda: require_right(form.cleaned_data))
    status = 422 if form.errors else 200
    return render(request, "accounts/api_client_new.html", {"form": form}, status=status)


def _token_page(request: HttpRequest, client: ApiClient, token: str) -> HttpResponse:
    """The answer itself, and no redirect: a token is kept nowhere, so it can't be shown again."""
    context = {"client": client, "token": token}
    return render(request, "accounts/api_client_token.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def api_client_detail(request: HttpRequest, client_id: int) -> HttpResponse:
    actor = actor_of(request)
    client = api_client_get(actor, client_id)
    form = ApiClientForm(posted(request), client=client)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        if saved(
            form,
            lambda: api_client_update(actor, client, **values),
            lambda: api_client_state(api_client_get(actor, client_id)),
        ):
            messages.success(request, _saved(api_client_get(actor, client_id)))
            return redirect("api-client-detail", client.pk)
    elif form.is_bound:
        show_also(form, lambda: require_right(form.cleaned_data, client.expires_at))
    until = client.previous_token_until
    context = {
        "client": client,
        "form": form,
        "is_owner": client.owner_ref == actor.person_ref,
        "may_confirm": client.awaits and not _is_of(actor, client),
        "old_token_until": until if until is not None and until > near_now() else None,
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/api_client_detail.html", context, status=status)


def _saved(client: ApiClient) -> str:
    if client.awaits:
        return _("Saved. What needs it holds once another administrator has confirmed it.")
    return _("Saved. It holds from the client's next call on.")


def _is_of(actor: Actor, client: ApiClient) -> bool:
    return client.owner_ref == actor.person_ref or is_own(actor, client.proposed_by_ref)


# --- What is asked first --------------------------------------------------------------------------


@asks
@require(Permission.ADMINISTER)
def api_client_token(request: HttpRequest, client_id: int) -> HttpResponse:
    """A new token. The answer shows it."""
    actor = actor_of(request)
    client = api_client_get(actor, client_id)
    form = TokenForm(posted(request), initial={"expected": token_seen(client)})

    def rotate() -> HttpResponse:
        return _token_page(request, *api_client_token_rotate(actor, client, **form.cleaned_data))

    question = Question(
        place=client.name,
        title=_("Give %(name)s a new token?") % {"name": client.name},
        texts=(
            _(
                "If the old one has leaked, end it now; else leave time to set the new one up. A "
                "token from before the old one ends in any case."
            ),
        ),
        button=_("Make a new token"),
        action=reverse("api-client-token", args=[client.pk]),
        back=_page(client),
        form=form,
        is_dangerous=False,
    )
    return ask_then(request, question, rotate)


@asks
@require(Permission.ADMINISTER)
def api_client_confirmation(request: HttpRequest, client_id: int) -> HttpResponse:
    actor = actor_of(request)
    client = api_client_get(actor, client_id)
    form = SeenForm(posted(request), initial={"seen": state_digest(api_client_state(client))})

    def confirm() -> str:
        api_client_confirm(actor, client, expected=form.cleaned_data["seen"])
        messages.success(request, _("%(name)s is confirmed.") % {"name": client.name})
        return _page(client)

    question = Question(
        place=client.name,
        title=_("Confirm %(name)s?") % {"name": client.name},
        texts=(_proposal(client),),
        button=_("Confirm"),
        action=reverse("api-client-confirm", args=[client.pk]),
        back=_page(client),
        form=form,
        is_dangerous=False,
    )
    return ask_then(request, question, confirm)


@asks
@require(Permission.ADMINISTER)
def api_client_declining(request: HttpRequest, client_id: int) -> HttpResponse:
    actor = actor_of(request)
    client = api_client_get(actor, client_id)
    form = SeenForm(posted(request), initial={"seen": state_digest(api_client_state(client))})

    def decline() -> str:
        api_client_decline(actor, client, expected=form.cleaned_data["seen"])
        messages.success(request, _("What was proposed of %(name)s is off.") % {"name": client})
        return _page(client)

    question = Question(
        place=client.name,
        title=_("Decline what is proposed of %(name)s?") % {"name": client.name},
        texts=(_proposal(client),),
        button=_("Decline"),
        action=reverse("api-client-decline", args=[client.pk]),
        back=_page(client),
        form=form,
    )
    return ask_then(request, question, decline)


def _proposal(client: ApiClient) -> str:
    """What holds once it is confirmed."""
    return _("Proposed by %(who)s. Scopes: %(scopes)s. Notices that it may send: %(notices)s.") % {
        "who": client.proposed_by_name or _("nobody"),
        "scopes": ", ".join(client.wanted_scopes),
        "notices": ", ".join(client.wanted_notices) or _("any")
        if Scope.SEND in client.wanted_scopes
        else _("none"),
    }


@asks
@require(Permission.ADMINISTER)
def api_client_close(request: HttpRequest, client_id: int) -> HttpResponse:
    actor = actor_of(request)
    client = api_client_get(actor, client_id)

    def close() -> str:
        api_client_deactivate(actor, client)
        messages.success(request, _("%(name)s is deactivated.") % {"name": client.name})
        return _page(client)

    question = Question(
        place=client.name,
        title=_("Deactivate %(name)s?") % {"name": client.name},
        texts=(
            _(
                "From now on its tokens are refused, and what waits of its sends does not leave. "
                "You can activate it again."
            ),
        ),
        button=_("Deactivate"),
        action=reverse("api-client-deactivate", args=[client.pk]),
        back=_page(client),
    )
    return ask_then(request, question, close)


@asks
@require(Permission.ADMINISTER)
def api_client_open(request: HttpRequest, client_id: int) -> HttpResponse:
    actor = actor_of(request)
    client = api_client_get(actor, client_id)

    def reopen() -> str:
        api_client_reactivate(actor, client)
        messages.success(request, _("%(name)s is active again.") % {"name": client.name})
        return _page(client)

    question = Question(
        place=client.name,
        title=_("Activate %(name)s again?") % {"name": client.name},
        texts=(_("Its token is taken again, with the scopes and limits that it had."),),
        button=_("Activate"),
        action=reverse("api-client-reactivate", args=[client.pk]),
        back=_page(client),
        is_dangerous=False,
    )
    return ask_then(request, question, reopen)


def _page(client: ApiClient) -> str:
    return reverse("api-client-detail", args=[client.pk])
