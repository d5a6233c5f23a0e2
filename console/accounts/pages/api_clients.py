"""Pages of API clients: what their tokens may do, from where and until when."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
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
from console.accounts.states import api_client_state
from console.actors import Actor, Permission
from console.database.clock import near_now
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.paging import filtered_list
from console.editing.revision import revision
from console.editing.saving import form_page, save
from console.site.access import actor_of, require

CLIENTS_A_PAGE = 50


@require_GET
@require(Permission.ADMINISTER)
def api_client_list(request: HttpRequest) -> HttpResponse:
    form = ApiClientFilterForm(request.GET)
    return filtered_list(
        request, "accounts/api_client_list.html", form, api_clients, CLIENTS_A_PAGE
    )


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def api_client_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ApiClientForm(posted(request))
    made = save(form, lambda values: api_client_create(actor, **values), check=require_right)
    if made is not None:
        return _token_page(request, *made)
    return form_page(request, "accounts/api_client_new.html", form)


def _token_page(request: HttpRequest, client: ApiClient, token: str) -> HttpResponse:
    """Show the token without a redirect: it is not stored, so it can't be shown again."""
    context = {"client": client, "token": token}
    return render(request, "accounts/api_client_token.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def api_client_detail(request: HttpRequest, client_id: int) -> HttpResponse:
    actor = actor_of(request)
    client = api_client_get(actor, client_id)
    form = ApiClientForm(posted(request), client=client)
    if save(
        form,
        lambda values: api_client_update(actor, client, **values),
        saved_now=lambda: api_client_state(api_client_get(actor, client_id)),
        check=lambda values: require_right(values, client.expires_at),
    ):
        messages.success(request, _saved(api_client_get(actor, client_id)))
        return redirect("api-client-detail", client.pk)
    until = client.previous_token_until
    return form_page(
        request,
        "accounts/api_client_detail.html",
        form,
        client=client,
        is_owner=client.owner_ref == actor.person_ref,
        may_confirm=client.awaits and not _is_of(actor, client),
        old_token_until=until if until is not None and until > near_now() else None,
    )


def _saved(client: ApiClient) -> str:
    if client.awaits:
        return _("Saved. What needs it holds once another administrator has confirmed it.")
    return _("Saved. It holds from the client's next call on.")


def _is_of(actor: Actor, client: ApiClient) -> bool:
    return client.owner_ref == actor.person_ref or is_own(actor, client.proposed_by_ref)


# --- With confirmation ----------------------------------------------------------------------------


@asks
@require(Permission.ADMINISTER)
def api_client_token(request: HttpRequest, client_id: int) -> HttpResponse:
    """Rotate the token after confirmation. The response shows the new one."""
    client = api_client_get(actor_of(request), client_id)
    form = TokenForm(posted(request), initial={"expected": token_seen(client)})
    step = Step(
        title=_("Give %(name)s a new token?"),
        text=_(
            "If the old one has leaked, end it now; else leave time to set the new one up. A "
            "token from before the old one ends in any case."
        ),
        button=_("Make a new token"),
        is_dangerous=False,
    )

    def rotate(actor: Actor) -> HttpResponse:
        return _token_page(request, *api_client_token_rotate(actor, client, **form.cleaned_data))

    return _take(request, client, step, rotate, form)


@asks
@require(Permission.ADMINISTER)
def api_client_confirmation(request: HttpRequest, client_id: int) -> HttpResponse:
    client = api_client_get(actor_of(request), client_id)
    form = _seen(request, client)
    step = Step(
        title=_("Confirm %(name)s?"),
        text=_proposal(client),
        button=_("Confirm"),
        done=_("%(name)s is confirmed."),
        is_dangerous=False,
    )

    def confirm(actor: Actor) -> None:
        api_client_confirm(actor, client, expected=form.cleaned_data["seen"])

    return _take(request, client, step, confirm, form)


@asks
@require(Permission.ADMINISTER)
def api_client_declining(request: HttpRequest, client_id: int) -> HttpResponse:
    client = api_client_get(actor_of(request), client_id)
    form = _seen(request, client)
    step = Step(
        title=_("Decline what is proposed of %(name)s?"),
        text=_proposal(client),
        button=_("Decline"),
        done=_("What was proposed of %(name)s is off."),
    )

    def decline(actor: Actor) -> None:
        api_client_decline(actor, client, expected=form.cleaned_data["seen"])

    return _take(request, client, step, decline, form)


def _seen(request: HttpRequest, client: ApiClient) -> SeenForm:
    return SeenForm(posted(request), initial={"seen": revision(api_client_state(client))})


def _proposal(client: ApiClient) -> str:
    """Describe what takes effect once the proposal is confirmed."""
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
    client = api_client_get(actor_of(request), client_id)
    step = Step(
        title=_("Deactivate %(name)s?"),
        text=_(
            "From now on its tokens are refused, and what waits of its sends does not leave. "
            "You can activate it again."
        ),
        button=_("Deactivate"),
        done=_("%(name)s is deactivated."),
    )
    return _take(request, client, step, lambda actor: api_client_deactivate(actor, client))


@asks
@require(Permission.ADMINISTER)
def api_client_open(request: HttpRequest, client_id: int) -> HttpResponse:
    client = api_client_get(actor_of(request), client_id)
    step = Step(
        title=_("Activate %(name)s again?"),
        text=_("Its token is taken again, with the scopes and limits that it had."),
        button=_("Activate"),
        done=_("%(name)s is active again."),
        is_dangerous=False,
    )
    return _take(request, client, step, lambda actor: api_client_reactivate(actor, client))


def _take(
    request: HttpRequest,
    client: ApiClient,
    step: Step,
    act: Callable[[Actor], object],
    form: forms.Form | None = None,
) -> HttpResponse:
    page = reverse("api-client-detail", args=[client.pk])
    actor = actor_of(request)
    return take_step(request, step, lambda: act(actor), name=client.name, page=page, form=form)
