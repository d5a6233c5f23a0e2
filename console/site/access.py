"""Who may open a page. Every page needs a sign-in (Django's LoginRequiredMiddleware)."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase

from console.actors import Actor, Permission

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in person as an actor; read once per request."""
    actor: Actor | None = getattr(request, "console_actor", None)
    if actor is None:
        user = request.user
        actor = user.to_actor() if user.is_authenticated else Actor("", "Nobody")
        request.console_actor = actor  # type: ignore[attr-defined]
    return actor


def require(*permissions: Permission) -> Callable[[View[P]], View[P]]:
    """Restrict a view to holders of one of `permissions`. Raises PermissionRefused for others."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            actor_of(request).require(*permissions)
            return view(request, *args, **kwargs)

        guarded.required_permissions = permissions  # type: ignore[attr-defined]
        return guarded

    return decorate
