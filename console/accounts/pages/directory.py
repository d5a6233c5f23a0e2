"""The organisation's directory: signing in, confirming and linking one's account with it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from console.accounts.models import User
from console.accounts.roles import Role
from console.accounts.selectors import directory_account, user_by_subject
from console.accounts.services import directory as services
from console.accounts.services import security_events
from console.accounts.signing_in import login_throttle
from console.accounts.signing_in.addresses import sender_address
from console.accounts.signing_in.directory import (
    CONFIRM,
    LINK,
    SIGN_IN,
    SIGNED_IN,
    Errand,
    can_confirm_there,
    come_back,
    identify,
    leave,
)
from console.accounts.signing_in.oidc import DirectoryRefusal, Identity, sign_out_address
from console.accounts.signing_in.oidc.tokens import LEEWAY_SECONDS
from console.accounts.signing_in.second_factor import own_factor_fresh
from console.database.clock import near_now
from console.errors import ConsoleError, InvalidInput

logger = structlog.get_logger("console.accounts")

PENDING = "directory_link"  # session key of the identity that awaits confirmation
PENDING_SECONDS = 10 * 60

View = Callable[..., HttpResponse]


def with_directory(view: View) -> View:
    """Respond 404 if no directory is set up. If the directory refuses, show a page, log a line and
    write a ledger entry.

    The view runs in no transaction, since it calls the directory over the network. Each write has
    its own transaction.
    """

    @wraps(view)
    def step(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DIRECTORY.url:
            raise Http404
        try:
            return view(request, *args, **kwargs)
        except DirectoryRefusal as refusal:
            return _refused(request, refusal)

    return step


def _refused(request: HttpRequest, refusal: DirectoryRefusal) -> HttpResponse:
    """Show the reason. The ledger records each refusal that names somebody, and a limited number of
    the others, which strangers can repeat at will."""
    address = sender_address(request)
    known = user_by_subject(refusal.subject) if refusal.subject else None
    logger.warning(
        "directory signed nobody in",
        reason=refusal.reason,
        detail=refusal.detail,
        address=address,
        sub=refusal.subject,
    )
    if refusal.subject or login_throttle.directory_refusal_counts(address):
        security_events.directory_refused(
            known,
            address,
            reason=refusal.reason,
            detail=refusal.detail,
            subject=refusal.subject,
        )
    context = {"why": refusal.sentence}
    return render(request, "accounts/directory_refused.html", context, status=refusal.status)


# --- There and back ------------------------------------------------------------------------------


@login_not_required
@require_GET
@with_directory
def directory_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the directory. A link leads here, since the content security policy lets no form
    do so."""
    return redirect(leave(request, SIGN_IN, get_next_redirect_url(request) or ""))


@login_not_required
@require_GET
@with_directory
def directory_callback(request: HttpRequest) -> HttpResponse:
    errand = come_back(request)
    if errand.purpose != SIGN_IN and errand.user != request.user.pk:
        raise DirectoryRefusal("other_session")
    identity = identify(request, errand)
    if errand.purpose == CONFIRM:
        return _confirm(request, errand, identity)
    if errand.purpose == LINK:
        return _ask_to_link(request, identity)
    return _sign_in(request, errand, identity)


# --- Signing in ----------------------------------------------------------------------------------


def _sign_in(request: HttpRequest, errand: Errand, identity: Identity) -> HttpResponse:
    user = _admitted(identity)
    if request.user.is_authenticated:
        get_adapter(request).logout(request)
    record_authentication(
        request, user, "socialaccount", provider=services.PROVIDER, uid=identity.subject
    )
    if identity.two_factors:  # so the console does not ask for another
        record_authentication(request, user, "mfa", type="directory")
    back = request.build_absolute_uri(reverse("account_login"))
    request.session[SIGNED_IN] = sign_out_address(identity, comes_back_to=back)
    return perform_login(request, Login(user=user, redirect_url=errand.leads_to or None))


def _admitted(identity: Identity) -> User:
    """Return the person, with the roles and teams that the directory's groups give now. A new
    person is created."""
    user = user_by_subject(identity.subject)
    if user is not None and not user.is_active:
        raise DirectoryRefusal("account_closed", subject=identity.subject)
    rules = settings.DIRECTORY
    roles = rules.roles_of(identity.groups or ())
    teams = rules.teams_of(identity.groups or ())
    if not roles:
        if user is not None:
            services.user_access_lost(user, ruled_teams=rules.ruled_teams)
        raise _without_role(identity)
    if user is not None:
        return services.user_follow_groups(
            user, roles=roles, teams=teams, ruled_teams=rules.ruled_teams
        )
    try:
        return services.user_from_directory(
            subject=identity.subject,
            username=identity.username,
            roles=roles,
            teams=teams,
            first_name=identity.first_name,
            last_name=identity.last_name,
        )
    except InvalidInput as error:
        if error.code == "invalid_name":
            raise DirectoryRefusal(
                "no_user_name", error.message, subject=identity.subject
            ) from error
        raise _of(error, identity) from error
    except ConsoleError as error:
        raise _of(error, identity) from error


def _without_role(identity: Identity) -> DirectoryRefusal:
    reason = "no_groups" if identity.groups is None else "no_role"
    return DirectoryRefusal(reason, subject=identity.subject)


def _of(error: ConsoleError, identity: Identity) -> DirectoryRefusal:
    return DirectoryRefusal(error.code, subject=identity.subject, sentence=error.message)


# --- Confirming that it is still the same person -------------------------------------------------


@require_GET
def directory_confirm(request: HttpRequest) -> HttpResponse:
    """Show why something has to be confirmed, and lead to the directory. If that is not possible,
    show what to do instead."""
    leads_to = get_next_redirect_url(request) or ""
    context = {
        "possible": can_confirm_there(_person(request)),
        "name": settings.DIRECTORY.name,
        "query": urlencode({"next": leads_to}) if leads_to else "",
    }
    return render(request, "accounts/confirm_directory.html", context)


@require_GET
@with_directory
def directory_confirm_begin(request: HttpRequest) -> HttpResponse:
    return redirect(leave(request, CONFIRM, get_next_redirect_url(request) or ""))


def _confirm(request: HttpRequest, errand: Errand, identity: Identity) -> HttpResponse:
    user = _person(request)
    if user_by_subject(identity.subject) != user:
        raise DirectoryRefusal("other_person", subject=identity.subject)
    asked = identity.signed_in_at
    if asked is None or asked < errand.began - LEEWAY_SECONDS:
        raise DirectoryRefusal(
            "not_fresh",
            "no auth_time" if asked is None else "an old auth_time",
            subject=identity.subject,
        )
    record_authentication(
        request,
        user,
        "socialaccount",
        provider=services.PROVIDER,
        uid=identity.subject,
        reauthenticated=True,
    )
    if identity.two_factors:
        record_authentication(request, user, "mfa", type="directory")
    security_events.directory_confirmed(user, sender_address(request), identity.subject)
    if errand.leads_to:  # the interrupted request, which may have posted a form
        request.GET = QueryDict(urlencode({"next": errand.leads_to}))
    return resume_request(request) or redirect("mfa_index")


# --- Linking one's own account -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pending:
    """The identity that the directory named, before the person confirms that it is theirs."""

    user: int
    subject: str
    name: str
    roles: list[str]
    at: float

    @property
    def role_labels(self) -> list[str]:
        return [str(Role(role).label) for role in self.roles]


def _ask_to_link(request: HttpRequest, identity: Identity) -> HttpResponse:
    roles = settings.DIRECTORY.roles_of(identity.groups or ())
    if not roles:
        raise _without_role(identity)
    user = _person(request)
    if user_by_subject(identity.subject) not in (None, user):
        raise DirectoryRefusal("linked_elsewhere", subject=identity.subject)
    request.session[PENDING] = {
        "user": user.pk,
        "subject": identity.subject,
        "name": identity.name,
        "roles": roles,
        "at": near_now().timestamp(),
    }
    return redirect("account-directory")


def _pending(request: HttpRequest) -> Pending | None:
    kept = request.session.get(PENDING)
    pending = Pending(**kept) if kept else None
    if pending is None or pending.user != request.user.pk:
        return None
    return pending if near_now().timestamp() - pending.at < PENDING_SECONDS else None


@require_GET
@with_directory
def directory_account_page(request: HttpRequest) -> HttpResponse:
    """Show the link from one's account to the directory. Once the directory has named an identity,
    ask whether it is one's own."""
    user = _person(request)
    pending = _pending(request)
    if pending is not None and not own_factor_fresh(request, user):
        return _to_own_factor(user)
    context = {
        "person": user,
        "linked": directory_account(user),
        "pending": pending,
        "directory": settings.DIRECTORY.name,
    }
    return render(request, "accounts/directory_account.html", context)


@require_GET
@with_directory
def directory_link_begin(request: HttpRequest) -> HttpResponse:
    """Redirect to the directory. The link needs a confirmation afterwards: this changes nothing."""
    return redirect(leave(request, LINK))


@require_POST
@with_directory
def directory_link(request: HttpRequest) -> HttpResponse:
    user, pending = _person(request), _pending(request)
    if not own_factor_fresh(request, user):
        return _to_own_factor(user)
    if pending is None or pending.subject != request.POST.get("subject"):
        messages.error(request, _("That was more than ten minutes ago. Start again."))
        return redirect("account-directory")
    del request.session[PENDING]
    try:
        services.directory_link(user.to_actor(), user, subject=pending.subject, name=pending.name)
        messages.success(request, _("Your account is linked to the directory."))
    except ConsoleError as error:
        messages.error(request, error.message)
    return redirect("account-directory")


@require_POST
@with_directory
def directory_unlink(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    if not own_factor_fresh(request, user):
        return _to_own_factor(user)
    try:
        key = request.session.session_key
        services.directory_unlink(user.to_actor(), user, session_key=key)
        messages.success(request, _("Your account is not linked to the directory any more."))
    except ConsoleError as error:
        messages.error(request, error.message)
    return redirect("account-directory")


def _to_own_factor(user: User) -> HttpResponse:
    """Redirect to confirm with the second factor, or with the password if there is none."""
    ways = get_adapter().get_reauthentication_methods(user)
    own = [way for way in ways if way["id"].startswith("mfa_reauthenticate")] or ways
    query = urlencode({"next": reverse("account-directory")})
    return redirect(f"{own[0]['url']}?{query}")


def _person(request: HttpRequest) -> User:
    """Return who is signed in. All views here require that, except those of signing in."""
    return cast(User, request.user)
