"""Who may open a page. Everything needs a sign-in (Django's LoginRequiredMiddleware)."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from console.actors import Actor, Permission

CHOOSE_PASSWORD = "account_change_password"  # noqa: S105 - the name of a page

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person as an actor; read once a request."""
    actor: Actor | None = getattr(request, "console_actor", None)
    if actor is None:
        user = request.user
        actor = user.to_actor() if user.is_authenticated else Actor("", "Nobody")
        request.console_actor = actor  # type: ignore[attr-defined]
    return actor


def require(*permissions: Permission) -> Callable[[View[P]], View[P]]:
    """Only for those who have one of `permissions`; PermissionRefused for all others. Whoever has a
    password that somebody else gave them is led to choose another first."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.user.is_authenticated and request.user.must_change_password:
                return redirect(CHOOSE_PASSWORD)
            actor_of(request).require(*permissions)
            return view(request, *args, **kwargs)

        guarded.required_permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(view: View[P]) -> View[P]:
    """For everybody who is signed in, whatever they may do: the page itself shows no more than
    that. Whoever must choose a password does so first."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated and request.user.must_change_password:
            return redirect(CHOOSE_PASSWORD)
        return view(request, *args, **kwargs)

    return guarded
