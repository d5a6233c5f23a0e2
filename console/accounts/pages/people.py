"""Pages of people: who they are, what they may do, and how to end their access."""

import secrets
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.accounts.approvals.asking import asks_for_key, confirmation_of
from console.accounts.models import User
from console.accounts.pages.administration_forms import (
    NewUserForm,
    PasswordForm,
    UserFilterForm,
    UserForm,
)
from console.accounts.selectors import directory_account, second_factors, user_get, users
from console.accounts.services import (
    user_create,
    user_deactivate,
    user_password_set,
    user_reactivate,
    user_sign_out_everywhere,
    user_update,
)
from console.accounts.services.security_events import user_release, user_second_factor_reset
from console.accounts.signing_in.lockout import locked_until
from console.accounts.states import user_state
from console.actors import Actor, Permission
from console.audit.selectors import audit_entries
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.paging import filtered_list
from console.editing.saving import form_page, save
from console.site.access import actor_of, require

PEOPLE_A_PAGE = 50
ENTRIES_SHOWN = 10
# Without letters and digits that are easily confused.
SUGGESTED_FROM = "abcdefghjkmnpqrstuvwxyz23456789"


@require_GET
@require(Permission.ADMINISTER)
def user_list(request: HttpRequest) -> HttpResponse:
    form = UserFilterForm(request.GET)
    return filtered_list(request, "accounts/user_list.html", form, users, PEOPLE_A_PAGE)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
@asks_for_key(lambda: reverse("user-list"))
def user_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = NewUserForm(posted(request))
    if not form.is_bound:
        form.initial["password"] = suggested_password()

    def create(values: dict[str, Any]) -> User:
        confirmation = confirmation_of(request)
        return user_create(actor, **values, must_change_password=True, confirmation=confirmation)

    user = save(form, create)
    if user is not None:
        messages.success(
            request,
            _("%(name)s can sign in with that password now, and then chooses another.")
            % {"name": user},
        )
        return redirect("user-detail", user.pk)
    return form_page(request, "accounts/user_new.html", form)


def suggested_password() -> str:
    """Return four groups of four characters (79 bits), which can be read out."""
    groups = ["".join(secrets.choice(SUGGESTED_FROM) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
@asks_for_key(lambda user_id: reverse("user-detail", args=[user_id]))
def user_detail(request: HttpRequest, user_id: int) -> HttpResponse:
    """Show a person, or change them."""
    actor = actor_of(request)
    user = user_get(actor, user_id)
    is_own = user.ref == actor.ref
    form = UserForm(posted(request), user=user, is_own=is_own)
    if save(
        form,
        lambda values: user_update(actor, user, **values, confirmation=confirmation_of(request)),
        saved_now=lambda: user_state(user_get(actor, user_id)),
    ):
        messages.success(request, _("Saved. It holds from their next click on."))
        return redirect("user-detail", user.pk)
    return form_page(
        request,
        "accounts/user_detail.html",
        form,
        person=user,
        is_own=is_own,
        locked_until=locked_until(user),
        factors=second_factors(user).count(),
        linked=directory_account(user),
        entries=_entries(actor, user),
    )


def _entries(actor: Actor, user: User) -> list[object]:
    """Return the newest ledger entries of the account, if the actor may read them."""
    if not actor.may(Permission.VIEW_AUDIT):
        return []
    found = audit_entries(actor, target_kind="user", target_ref=str(user.pk))
    return list(found[:ENTRIES_SHOWN])


# --- With confirmation ----------------------------------------------------------------------------


@asks
@require(Permission.ADMINISTER)
def user_password(request: HttpRequest, user_id: int) -> HttpResponse:
    form = PasswordForm(posted(request))
    if not form.is_bound:
        form.initial["password"] = suggested_password()
    step = Step(
        title=_("Give %(name)s a new password?"),
        text=_(
            "The old one ends now, and with it all of their sessions. With the new one they "
            "sign in once, and choose another."
        ),
        button=_("Set this password"),
        done=_("The new password holds. Hand it over."),
        is_dangerous=False,
    )

    def set_password(actor: Actor, user: User) -> None:
        user_password_set(actor, user, password=form.cleaned_data["password"])

    return _take(request, user_id, step, set_password, form)


@asks
@require(Permission.ADMINISTER)
def user_sign_out(request: HttpRequest, user_id: int) -> HttpResponse:
    if actor_of(request).ref == f"user:{user_id}":
        return redirect("account")  # where one ends all of one's own but this one
    step = Step(
        title=_("End all sessions of %(name)s?"),
        text=_("They are signed out on all machines, at once. Signing in again stays possible."),
        button=_("End all sessions"),
        done=_("All sessions of %(name)s have ended."),
    )
    return _take(request, user_id, step, user_sign_out_everywhere)


@asks
@require(Permission.ADMINISTER)
def user_close(request: HttpRequest, user_id: int) -> HttpResponse:
    step = Step(
        title=_("Deactivate %(name)s?"),
        text=_(
            "They are signed out everywhere at once and can't sign in any more. What waits of "
            "their sends does not leave. What they did stays in the history, and you can activate "
            "the account again."
        ),
        button=_("Deactivate"),
        done=_("%(name)s is deactivated."),
    )
    return _take(request, user_id, step, user_deactivate)


@asks
@require(Permission.ADMINISTER)
@asks_for_key(lambda user_id: reverse("user-detail", args=[user_id]))
def user_open(request: HttpRequest, user_id: int) -> HttpResponse:
    step = Step(
        title=_("Activate %(name)s again?"),
        text=_("They can sign in with the password, the roles and the teams that they had."),
        button=_("Activate"),
        done=_("%(name)s is active again."),
        is_dangerous=False,
    )

    def reactivate(actor: Actor, user: User) -> object:
        return user_reactivate(actor, user, confirmation=confirmation_of(request))

    return _take(request, user_id, step, reactivate)


@asks
@require(Permission.ADMINISTER)
def user_unlock(request: HttpRequest, user_id: int) -> HttpResponse:
    step = Step(
        title=_("Release %(name)s?"),
        text=_(
            "The name is locked after too many wrong passwords. Ask first whether it was they who "
            "typed them: somebody may be guessing."
        ),
        button=_("Release"),
        done=_("%(name)s can try again now."),
        is_dangerous=False,
    )
    return _take(request, user_id, step, user_release)


@asks
@require(Permission.ADMINISTER)
def user_factors_reset(request: HttpRequest, user_id: int) -> HttpResponse:
    step = Step(
        title=_("Take the second factors of %(name)s away?"),
        text=_(
            "For somebody who has lost all of them: be sure that it is they who ask. All sessions "
            "end, and the next sign-in sets up a new one."
        ),
        button=_("Take them away"),
        done=_("%(name)s sets up a new second factor at the next sign-in."),
    )
    return _take(request, user_id, step, user_second_factor_reset)


def _take(
    request: HttpRequest,
    user_id: int,
    step: Step,
    act: Callable[[Actor, User], object],
    form: PasswordForm | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    user = user_get(actor, user_id)
    page = reverse("user-detail", args=[user.pk])
    return take_step(request, step, lambda: act(actor, user), name=str(user), page=page, form=form)
