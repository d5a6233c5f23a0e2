"""The redirect to a person's home, the help page, and what open pages request."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from console.actors import Permission
from console.database import notifications
from console.database.clock import stamp
from console.live.topics import PERMISSIONS
from console.sends.models import DeliveryStatus
from console.site.access import actor_of
from console.web.home.matters import matters
from console.web.requests.middleware import arrived_at

# A person's home is the first of these that they may use.
HOMES = (
    (Permission.VIEW_INTERACTIONS, "board"),
    (Permission.VIEW_HISTORY, "history"),
    (Permission.ADMINISTER, "home-page"),
    (Permission.VIEW_CATALOGUE, "home-page"),
    (Permission.VIEW_CHAT_SERVERS, "home-page"),
)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    for permission, name in HOMES:
        if actor.may(permission):
            return redirect(name)
    return redirect("help")


@require_GET
def home_page(request: HttpRequest) -> HttpResponse:
    """What needs this person now."""
    actor = actor_of(request)
    found, more = matters(actor)
    followed = [
        topic
        for topic in (notifications.SENDS, notifications.INCIDENTS)
        if any(actor.may(each) for each in PERMISSIONS[topic])
    ]
    context = {"matters": found, "more": more, "topics": " ".join(followed)}
    return render(request, "web/home.html", context)


@require_GET
def here(request: HttpRequest) -> JsonResponse:
    """Return who is signed in, and the present CSRF token. An open page requests it before it sends
    what must not be lost, since a new sign-in in another tab has replaced the token."""
    return JsonResponse({"person": actor_of(request).ref, "token": get_token(request)})


@require_GET
def clock(request: HttpRequest) -> HttpResponse:
    """Return the time by PostgreSQL's clock, which pages use for counting (server-clock.js)."""
    now, took, _at_most = stamp(arrived_at(request))
    return JsonResponse({"now": now, "took": took})


@require_GET
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "web/help.html", {"statuses": DeliveryStatus.values})
