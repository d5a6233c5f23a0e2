"""Pages of people: who there is, what they may do, and the ways to end that."""

import secrets
from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from console.accounts.models import User
from console.accounts.pages.administration_forms import (
    NewUserForm,
    PasswordForm,
    UserFilterForm,
    UserForm,
)
from console.accounts.pages.form_errors import saved
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
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask_then, asks, posted

PEOPLE_A_PAGE = 50
ENTRIES_SHOWN = 10
# Without letters and digits that are taken for one another.
SUGGESTED_FROM = "abcdefghjkmnpqrstuvwxyz23456789"


@require_GET
@require(Permission.ADMINISTER)
def user_list(request: HttpRequest) -> HttpResponse:
    form = UserFilterForm(request.GET)
    found = form.only(users(actor_of(request), **form.chosen))
    context = {
        "page": Paginator(found, PEOPLE_A_PAGE).get_page(request.GET.get("page")),
        "form": form,
        "filtered": form.is_filled,
    }
    return render(request, "accounts/user_list.html", context, status=form.http_status)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def user_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = NewUserForm(posted(request))
    if not form.is_bound:
        form.initial["password"] = suggested_password()
    elif form.is_valid():
        values = {**form.cleaned_data}
        values.pop("expected")
        user = saved(form, lambda: user_create(actor, **values, must_change_password=True))
        if user is not None:
            messages.success(
                request,
                _("%(name)s can sign in with that password now, and then chooses another.")
                % {"name": user},
            )
            return redirect("user-detail", user.pk)
    status = 422 if form.errors else 200
    return render(request, "accounts/user_new.html", {"form": form}, status=status)


def suggested_password() -> str:
    """Four groups of four, so that it can be read out; 79 bits."""
    groups = ["".join(secrets.choice(SUGGESTED_FROM) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)


@require_http_methods(["GET", "POST"])
@require(Permission.ADMINISTER)
def user_detail(request: HttpRequest, user_id: int) -> HttpResponse:
    """A person, to look at and to change."""
    actor = actor_of(request)
    user = user_get(actor, user_id)
    is_own = user.ref == actor.ref
    form = UserForm(posted(request), user=user, is_own=is_own)
    if form.is_bound and form.is_valid() and _update(actor, user, form):
        messages.success(request, _("Saved. It holds from their next click on."))
        return redirect("user-detail", user.pk)
    context = {
        "person": user,
        "form": form,
        "is_own": is_own,
        "locked_until": locked_until(user),
        "factors": second_factors(user).count(),
        "linked": directory_account(user),
        "entries": _entries(actor, user),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/user_detail.html", context, status=status)


def _update(actor: Actor, user: User, form: UserForm) -> User | None:
    return saved(
        form,
        lambda: user_update(actor, user, **form.cleaned_data),
        lambda: user_state(user_get(actor, user.pk)),
    )


def _entries(actor: Actor, user: User) -> list[object]:
    """The newest of what the trail has of the account, for those who may read it."""
    if not actor.may(Permission.VIEW_AUDIT):
        return []
    found = audit_entries(actor, target_kind="user", target_ref=str(user.pk))
    return list(found[:ENTRIES_SHOWN])


# --- What is asked first --------------------------------------------------------------------------


@asks
@require(Permission.ADMINISTER)
def user_password(request: HttpRequest, user_id: int) -> HttpResponse:
    actor = actor_of(request)
    user = user_get(actor, user_id)
    form = PasswordForm(posted(request))
    if not form.is_bound:
        form.initial["password"] = suggested_password()

    def set_password() -> str:
        user_password_set(actor, user, password=form.cleaned_data["password"])
        messages.success(request, _("The new password holds. Hand it over."))
        return _page(user)

    question = Question(
        place=str(user),
        title=_("Give %(name)s a new password?") % {"name": user},
        texts=(
            _(
                "The old one ends now, and with it all of their sessions. With the new one they "
                "sign in once, and choose another."
            ),
        ),
        button=_("Set this password"),
        action=reverse("user-password", args=[user.pk]),
        back=_page(user),
        form=form,
        is_dangerous=False,
    )
    return ask_then(request, question, set_password)


@asks
@require(Permission.ADMINISTER)
def user_sign_out(request: HttpRequest, user_id: int) -> HttpResponse:
    if actor_of(request).ref == f"user:{user_id}":
        return redirect("account")  # where one ends one's own, and stays in this one
    return _ask(
        request,
        user_id,
        user_sign_out_everywhere,
        name="user-sign-out",
        title=_("End all sessions of %(name)s?"),
        text=_("They are signed out on all machines, at once. Signing in again stays possible."),
        button=_("End all sessions"),
        done=_("All sessions of %(name)s have ended."),
    )


@asks
@require(Permission.ADMINISTER)
def user_close(request: HttpRequest, user_id: int) -> HttpResponse:
    return _ask(
        request,
        user_id,
        user_deactivate,
        name="user-deactivate",
        title=_("Deactivate %(name)s?"),
        text=_(
            "They are signed out everywhere at once and can't sign in any more. What waits of "
            "their sends does not leave. What they did stays in the history, and you can activate "
            "the account again."
        ),
        button=_("Deactivate"),
        done=_("%(name)s is deactivated."),
    )


@asks
@require(Permission.ADMINISTER)
def user_open(request: HttpRequest, user_id: int) -> HttpResponse:
    return _ask(
        request,
        user_id,
        user_reactivate,
        name="user-reactivate",
        title=_("Activate %(name)s again?"),
        text=_("They can sign in with the password, the roles and the teams that they had."),
        button=_("Activate"),
        done=_("%(name)s is active again."),
        is_dangerous=False,
    )


@asks
@require(Permission.ADMINISTER)
def user_unlock(request: HttpRequest, user_id: int) -> HttpResponse:
    return _ask(
        request,
        user_id,
        user_release,
        name="user-release",
        title=_("Release %(name)s?"),
        text=_(
            "The name is locked after too many wrong passwords. Ask first whether it was they who "
            "typed them: somebody may be guessing."
        ),
        button=_("Release"),
        done=_("%(name)s can try again now."),
        is_dangerous=False,
    )


@asks
@require(Permission.ADMINISTER)
def user_factors_reset(request: HttpRequest, user_id: int) -> HttpResponse:
    return _ask(
        request,
        user_id,
        user_second_factor_reset,
        name="user-second-factor-reset",
        title=_("Take the second factors of %(name)s away?"),
        text=_(
            "For somebody who has lost all of them: be sure that it is they who ask. All sessions "
            "end, and the next sign-in sets up a new one."
        ),
        button=_("Take them away"),
        done=_("%(name)s sets up a new second factor at the next sign-in."),
    )


def _ask(
    request: HttpRequest,
    user_id: int,
    act: Callable[[Actor, User], object],
    *,
    name: str,
    title: str,
    text: str,
    button: str,
    done: str,
    is_dangerous: bool = True,
) -> HttpResponse:
    """One question about an account, and what is done after a yes."""
    actor = actor_of(request)
    user = user_get(actor, user_id)

    def do() -> str:
        act(actor, user)
        messages.success(request, done % {"name": user})
        return _page(user)

    question = Question(
        place=str(user),
        title=title % {"name": user},
        texts=(text,),
        button=button,
        action=reverse(name, args=[user.pk]),
        back=_page(user),
        is_dangerous=is_dangerous,
    )
    return ask_then(request, question, do)


def _page(user: User) -> str:
    return reverse("user-detail", args=[user.pk])
